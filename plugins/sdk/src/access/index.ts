/** What those share who find out who somebody is: gateway, supervisor and the plugin that keeps the API keys. */
export * from './key.ts';
export * from './key-credentials.ts';
