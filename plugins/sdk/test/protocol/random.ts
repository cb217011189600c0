export * from '../../src/testing/random.ts';
