/** The part of WebSocket that is used: of a browser, of Node, of the package `ws`. */
export interface Socket {
  readonly bufferedAmount: number;
  send(data: string): void;
  close(): void;
  addEventListener(type: 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void;
}

interface SocketEvent {
  data?: unknown;
  code?: number;
  reason?: string;
}

export type SocketConstructor = new (url: string) => Socket;

/** That of Node and of the package `ws`; those of browsers take no headers. */
export type SocketWithHeaders = new (url: string, options: { headers: Record<string, string> }) => Socket;

/** Close codes of RFC 6455. */
export const closeCodes = { goingAway: 1001, tooLarge: 1009 } as const;
