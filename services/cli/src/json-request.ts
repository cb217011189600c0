import { jsonContentType } from '@bkg/sdk/protocol';
import type { GatewayRequest } from './gateway.ts';

/** A request with JSON in its body. */
export function jsonRequest(method: 'POST' | 'PATCH', body: unknown): GatewayRequest {
  return { method, headers: { 'content-type': jsonContentType }, body: JSON.stringify(body) };
}
