/**
 * The wire contract: names, subjects, headers, errors and shapes. No I/O and no Node built-ins, so that it runs
 * in a browser too.
 */
export * from './access.ts';
export * from './content-type.ts';
export * from './errors.ts';
export * from './event.ts';
export * from './headers.ts';
export * from './is-record.ts';
export * from './limits.ts';
export * from './log-order.ts';
export * from './log-record.ts';
export * from './json-pointer.ts';
export * from './manifest.ts';
export * from './micro.ts';
export * from './names.ts';
export * from './permissions.ts';
export * from './plugin.ts';
export * from './requests.ts';
export * from './rollout.ts';
export * from './sample.ts';
export * from './schemas/index.ts';
export * from './scopes.ts';
export * from './secrets.ts';
export * from './socket.ts';
export * from './status.ts';
export * from './stream.ts';
export * from './subjects.ts';
export * from './telemetry.ts';
export * from './verdict.ts';
