/** What those share who find out who somebody is: gateway, supervisor and the plugin that keeps the API keys. */
export * from './callout.ts';
export * from './instance-token.ts';
export * from './jwt.ts';
export * from './key.ts';
export * from './kick.ts';
export * from './nats-access.ts';
export * from './nkey.ts';
