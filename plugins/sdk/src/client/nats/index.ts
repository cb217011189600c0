/** For programs that invoke plugins over NATS. In browsers: `@bkg/sdk/client/ws`. */
export { connectClient, createClient } from './connect-client.ts';
export type { ConnectClientOptions } from './connect-client.ts';
export type { Answer } from './answer.ts';
export type { FetchOptions } from './fetch-call.ts';
export type { NatsClient, NatsClientOptions } from './nats-client.ts';
export type { LostCallsOptions } from '../../lost-calls.ts';
export * from '../client.ts';
export * from '../errors.ts';
export type * from '../mesh.ts';
export type { Retry, RetryOptions } from '../retry.ts';
export type { RetryBudgetOptions } from '../retry-budget.ts';
