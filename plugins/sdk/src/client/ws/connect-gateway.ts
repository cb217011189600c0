import type { AnyMesh, MeshShape } from '../mesh.ts';
import type { RetryOptions } from '../retry.ts';
import { GatewayClient } from './gateway-client.ts';
import type { Socket, SocketConstructor, SocketWithHeaders } from './socket.ts';

export interface ConnectGatewayOptions {
  /** Of the gateway: `http://localhost:43119`. @default that of the page; without a page `http://localhost:43119` */
  url?: string;
  /**
   * An API key, sent as a bearer token when a socket is opened. Not in a page: browsers let nobody send headers with a
   * WebSocket, and a page has the cookie of its session.
   */
  apiKey?: string;
  /** False never repeats. */
  retry?: RetryOptions | false;
  /** What becomes of an invocation that is made while there is no connection: it fails at once, or waits. @default 'fail' */
  whileOffline?: 'fail' | 'wait';
  /** How many may wait, also for the first connection and for one of the 64 places on it. @default 256 */
  waitingMost?: number;
  /** How long the gateway may take to say hello. @default 10000 */
  dialTimeoutMs?: number;
  /** Before the second dial; it doubles with each and is spread over its upper half. @default 500 */
  firstDelayMs?: number;
  /** @default 15000 */
  mostDelayMs?: number;
  /**
   * When nothing was heard for so long, the gateway is asked for a sign: one small frame, as is its answer. @default 4500
   */
  silenceMs?: number;
  /**
   * Without a sign for so long, and half a second more, the connection is given up: with the silence before it ten
   * seconds. A frame counts when all of it has arrived. @default 5000
   */
  signTimeoutMs?: number;
  /** @default the global WebSocket */
  WebSocket?: SocketConstructor;
}

const standardUrl = 'http://localhost:43119';

/**
 * A client of the gateway's `/ws`. It dials when it is used first, and from then on again whenever the connection is
 * gone.
 * @throws Error when the url is none, or the API key cannot be sent
 */
export function connectGateway<M extends MeshShape<M> = AnyMesh>({
  url = pageUrl() ?? standardUrl,
  apiKey,
  retry = {},
  whileOffline = 'fail',
  waitingMost = 256,
  dialTimeoutMs = 10_000,
  firstDelayMs = 500,
  mostDelayMs = 15_000,
  silenceMs = 4_500,
  signTimeoutMs = 5_000,
  WebSocket = globalThis.WebSocket,
}: ConnectGatewayOptions = {}): GatewayClient<M> {
  const address = socketUrl(url);
  const headers = apiKey === undefined ? undefined : headersWith(apiKey);
  return new GatewayClient<M>({
    open: () => openSocket(WebSocket, address, headers),
    retry,
    whileOffline,
    waitingMost,
    dialTimeoutMs,
    firstDelayMs,
    mostDelayMs,
    silenceMs,
    signTimeoutMs,
  });
}

function socketUrl(given: string): string {
  const url = URL.parse(given);
  if (!url || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new Error(`"${given}" is no address of a gateway: it takes one like ${standardUrl}.`);
  }
  return `${url.protocol.replace('http', 'ws')}//${url.host}${url.pathname.replace(/\/$/, '')}/ws`;
}

function openSocket(
  WebSocket: SocketConstructor,
  address: string,
  headers: Record<string, string> | undefined,
): Socket {
  // An argument that is not needed could be one too many for a constructor of somebody else.
  return headers ? new (WebSocket as SocketWithHeaders)(address, { headers }) : new WebSocket(address);
}

function headersWith(apiKey: string): Record<string, string> {
  if (pageUrl() !== undefined)
    throw new Error(
      'A page cannot send an API key with a WebSocket: leave apiKey away, and sign in with POST /api/session; its cookie goes with the socket.',
    );
  // Never repeated: it is a secret, and a broken one is nearly one.
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    throw new Error('The API key is empty or has spaces or other characters in it that no key has.');
  return { authorization: `Bearer ${apiKey}` };
}

function pageUrl(): string | undefined {
  const { location } = globalThis as { location?: { origin: string } };
  return location?.origin;
}
