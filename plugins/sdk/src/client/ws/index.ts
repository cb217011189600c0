/** For browsers, and for Node without NATS: plugins over the gateway's socket. No Node built-ins, no dependencies. */
export { connectGateway } from './connect-gateway.ts';
export type { ConnectGatewayOptions } from './connect-gateway.ts';
export type { GatewayClient } from './gateway-client.ts';
export type { SubscriptionHandlers, SubscriptionRequest } from './subscriptions.ts';
export type { Socket, SocketConstructor } from './socket.ts';
export type { Topic, Topics } from '../../protocol/socket.ts';
export * from '../client.ts';
export * from '../errors.ts';
export type * from '../mesh.ts';
export type { Retry, RetryOptions } from '../retry.ts';
export type { RetryBudgetOptions } from '../retry-budget.ts';
