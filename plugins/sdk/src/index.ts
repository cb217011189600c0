/** For authors of plugins and of programs that call them. */
export * from './protocol/index.ts';
export { bytes } from './bytes.ts';
export type { Bytes, Given, Received, Shape } from './bytes.ts';
export * from './brief-set.ts';
export * from './connect.ts';
export * from './connection.ts';
export * from './credentials.ts';
export * from './define-plugin.ts';
export * from './instance.ts';
export type { InvocationContext } from './invocation.ts';
export type {
  NestedFetchOptions,
  NestedInvocations,
  NestedOptions,
  NestedStreamOptions,
} from './nested-calls.ts';
export { Fifo } from './client/fifo.ts';
export type { InvocationStream } from './client/client.ts';
export type { Answer } from './client/nats/answer.ts';
export * from './json.ts';
export * from './launch.ts';
export type { PluginProgram } from './launch-instance.ts';
export * from './logger.ts';
export * from './lost-calls.ts';
export * from './problem.ts';
export * from './rate-limited.ts';
export { NoRespondersError } from './request-failures.ts';
export type { AbortListener, Signal } from './exchange.ts';
export type { RequestManyOptions, RequestOptions, StreamRequestOptions } from './requests.ts';
export * from './run-plugin.ts';
export * from './running-call.ts';
export { Body } from './stream/body.ts';
export type { BodyOptions } from './stream/body.ts';
export * from './stream/chunk-reader.ts';
export * from './stream/reply-stream.ts';
export * from './stream/upload.ts';
export * from './token.ts';
export * from './token-bucket.ts';
export * from './validator.ts';

/** For the schemas of a plugin, so that a plugin of one file needs nothing but the SDK. */
export { Type } from './type.ts';
export type { Static, TSchema } from 'typebox';
