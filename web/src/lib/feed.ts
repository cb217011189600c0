import type { LogRecord, PluginInfo, PluginTelemetry } from '@bkg/sdk/protocol';
import type { Backoff } from './backoff.ts';
import type { Alarm } from './wait.ts';

/** What `/ws/plugins/:id` sends. */
export type Frame =
  | { type: 'status'; plugin: PluginInfo }
  | { type: 'telemetry'; telemetry: PluginTelemetry }
  | ({ type: 'log' } & LogRecord)
  | { type: 'dropped'; count: number };

/** The part of WebSocket that the feed uses. */
export type Socket = Pick<WebSocket, 'addEventListener' | 'close'>;

export interface FeedOptions {
  open: () => Socket;
  /** Until the handshake is done. @default 5000 */
  openTimeoutMs?: number;
  backoff: Backoff;
  alarm: Alarm;
  onOpen: () => void;
  onFrame: (frame: Frame) => void;
  /** @param reason a sentence for people */
  onLost: (reason: string, retryInMs: number) => void;
  /** Gets what gives the present socket up, for when requests show that its other end is gone without a word. */
  onSocket?: (drop: (reason: string) => void) => void;
  signal: AbortSignal;
}

/** Keeps one socket open until `signal` aborts, and opens the next with backoff whenever it ends. */
export async function runFeed(options: FeedOptions): Promise<void> {
  const { backoff, alarm, onLost, signal } = options;
  while (!signal.aborted) {
    const reason = await holdSocket(options);
    if (signal.aborted) return;
    const waitMs = backoff.nextMs();
    onLost(reason, waitMs);
    await alarm.wait(waitMs, signal);
  }
}

/** Resolves with the reason when the socket is over, however it ended. */
function holdSocket(options: FeedOptions): Promise<string> {
  const { open, openTimeoutMs = 5_000, backoff, onOpen, onFrame, onSocket, signal } = options;
  return new Promise((resolve) => {
    const socket = open();
    let opened = false;
    const end = (reason: string) => {
      clearTimeout(openTimer);
      signal.removeEventListener('abort', leave);
      socket.close();
      resolve(reason);
    };
    const leave = () => end('The page was left.');
    const openTimer = setTimeout(
      () => end('The gateway did not take the connection in time.'),
      openTimeoutMs,
    );
    signal.addEventListener('abort', leave);
    onSocket?.(end);
    socket.addEventListener('open', () => {
      clearTimeout(openTimer);
      opened = true;
      backoff.reset();
      onOpen();
    });
    socket.addEventListener('message', (event) => {
      const frame = parseFrame((event as MessageEvent).data);
      if (frame) onFrame(frame);
    });
    // An error event says nothing and is always followed by close.
    socket.addEventListener('close', () => {
      end(opened ? 'The gateway closed the connection.' : 'The gateway cannot be reached.');
    });
  });
}

/** Undefined for frames this dashboard does not know: a newer gateway may send more. */
export function parseFrame(data: unknown): Frame | undefined {
  if (typeof data !== 'string') return undefined;
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof frame !== 'object' || frame === null || !('type' in frame)) return undefined;
  switch (frame.type) {
    case 'status':
      return 'plugin' in frame && frame.plugin ? (frame as Frame) : undefined;
    case 'telemetry':
      return 'telemetry' in frame && frame.telemetry ? (frame as Frame) : undefined;
    case 'log':
      return 'message' in frame && typeof frame.message === 'string' ? (frame as Frame) : undefined;
    case 'dropped':
      return 'count' in frame && typeof frame.count === 'number' ? (frame as Frame) : undefined;
    default:
      return undefined;
  }
}
