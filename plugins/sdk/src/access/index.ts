/** What those share who find out who somebody is: gateway, supervisor and the plugin that keeps the API keys. */
export type { Asker } from './asker.ts';
export * from './audit-writer.ts';
export * from './callout.ts';
export * from './instance-token.ts';
export * from './jwt.ts';
export * from './keeper.ts';
export * from './key.ts';
export * from './key-credentials.ts';
export * from './key-name.ts';
export * from './key-verifier.ts';
export * from './kick.ts';
export * from './nats-access.ts';
export * from './nkey.ts';
export * from './refusals.ts';
