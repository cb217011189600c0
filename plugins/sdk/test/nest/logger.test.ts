import { Logger } from '@nestjs/common';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { BkgLogger } from '../../src/nest/index.ts';

let records: Record<string, unknown>[] = [];
const destination = {
  write: (line: string) => void records.push(JSON.parse(line) as Record<string, unknown>),
};
const bkg = new BkgLogger(createLogger({ plugin_id: 'nest' }, { level: 'trace', destination }));

beforeEach(() => {
  records = [];
  Logger.overrideLogger(bkg);
});
afterAll(() => Logger.overrideLogger(false));

it('gives each of Nest’s levels its name, and says where a line comes from', () => {
  const logger = new Logger('Oven');
  for (const level of ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const)
    logger[level](`it is ${level}`);
  expect(records.map(({ level }) => level)).toEqual(['fatal', 'error', 'warn', 'info', 'debug', 'trace']);
  for (const record of records) expect(record).toMatchObject({ plugin_id: 'nest', context: 'Oven' });
  expect(records[3]).toMatchObject({ message: 'it is log' });
});

it('keeps errors with their stack, stacks given as text, and what else is handed over', () => {
  const error = new Error('burnt');
  const logger = new Logger('Oven');
  logger.error(error);
  logger.error('burnt', error.stack);
  logger.warn('hot', { degrees: 250 });
  Logger.error(error, error.stack);
  logger.log({ cakes: 3 });
  expect(records).toMatchObject([
    { message: 'burnt', context: 'Oven', error: { type: 'Error', message: 'burnt', stack: error.stack } },
    { message: 'burnt', context: 'Oven', stack: error.stack },
    { message: 'hot', context: 'Oven', params: [{ degrees: 250 }] },
    { message: 'burnt', error: { message: 'burnt' } },
    { message: '{ cakes: 3 }', context: 'Oven' },
  ]);
  expect(records[3]).not.toHaveProperty('context');
});

it('goes on with another logger, such as one that names the instance', () => {
  const logger = new BkgLogger(createLogger({}, { destination }));
  logger.use(createLogger({ instance: 'one' }, { destination }));
  logger.log('later');
  expect(records).toMatchObject([{ instance: 'one', message: 'later' }]);
});
