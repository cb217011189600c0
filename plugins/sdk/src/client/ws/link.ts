import type { GatewayFrame, HelloFrame } from '../../protocol/socket.ts';
import { State } from '../state.ts';
import { closeCodes } from './socket.ts';
import type { Socket } from './socket.ts';

export interface LinkOptions {
  open: () => Socket;
  /** Until the gateway has said hello. */
  dialTimeoutMs: number;
  /** Before the next dial: doubled each time, from the first to the most, and spread over its upper half. */
  firstDelayMs: number;
  mostDelayMs: number;
  /** When nothing was heard for so long, the gateway is asked for a sign. */
  silenceMs: number;
  /** How long that may take. */
  signTimeoutMs: number;
  onLive: (hello: HelloFrame) => void;
  /** @param text the frame as it came */
  onFrame: (frame: GatewayFrame, text: string) => void;
  /** A live connection has ended. */
  onLost: (reason: string, closeCode: number | undefined) => void;
}

/** A connection that lasts for less did not make up for the failures before it. */
const steadyMs = 5_000;
/** After a page was frozen its timers may come before the frames that waited meanwhile. */
const secondLookMs = 500;
/** Nobody has this subscription. The answer is the sign: browsers can neither send pings nor see them. */
const askForSign = JSON.stringify({ op: 'unsubscribe', id: 'alive' });

/**
 * One socket to the gateway, dialled at first need and then again for ever.
 *
 *   idle ─open─► dialling ─hello─► live ─closed, silent─► waiting ─► dialling …
 *                    └─── closed, no hello in time ──────────┘
 */
export class Link {
  readonly state = new State('connecting');
  readonly #options: LinkOptions;
  #phase: 'idle' | 'dialling' | 'live' | 'waiting' | 'closed' = 'idle';
  #socket: Socket | undefined;
  /** Of the phase: at most one runs. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #liveAt = 0;
  #heardAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isLive(): boolean {
    return this.#phase === 'live';
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Dials, when it has not yet. */
  open(): void {
    if (this.#phase === 'idle') this.#dial();
  }

  /** Dials now instead of waiting for its time. */
  retryNow(): void {
    if (this.#phase === 'waiting') this.#dial();
  }

  /** @returns false when the connection is not live */
  send(text: string): boolean {
    if (this.isLive) this.#socket?.send(text);
    return this.isLive;
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#end('closed');
    this.state.set({ status: 'offline', reason: 'The client was closed.' });
  }

  #dial(): void {
    this.#enter('dialling', this.#options.dialTimeoutMs, () =>
      this.#lose('The gateway did not answer in time.'),
    );
    let socket: Socket;
    try {
      socket = this.#options.open();
    } catch (error) {
      // A page may not open a socket to everywhere.
      return this.#lose(`The socket cannot be opened: ${(error as Error).message}`);
    }
    this.#socket = socket;
    // What an earlier socket still says is of no interest.
    const isOurs = (): boolean => this.#socket === socket;
    socket.addEventListener('message', ({ data }) => {
      if (isOurs() && typeof data === 'string') this.#hear(data);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (isOurs()) this.#lose(this.#reasonOf(code, reason), code);
    });
    // It says nothing, and `close` follows; but in Node one that nobody listens to is thrown.
    socket.addEventListener('error', () => undefined);
  }

  #hear(text: string): void {
    this.#heardAt = performance.now();
    const frame = parse(text);
    if (this.isLive) {
      if (frame) this.#options.onFrame(frame, text);
    } else if (frame?.type === 'hello') this.#becomeLive(frame);
  }

  #becomeLive(hello: HelloFrame): void {
    this.#liveAt = performance.now();
    this.#enter('live', this.#options.silenceMs, () => this.#checkSilence());
    this.#options.onLive(hello);
    this.state.set({ status: 'live' });
  }

  #checkSilence(): void {
    const { silenceMs, signTimeoutMs } = this.#options;
    const askedAt = performance.now();
    const silentMs = askedAt - this.#heardAt;
    if (silentMs < silenceMs) return this.#after(silenceMs - silentMs, () => this.#checkSilence());
    this.send(askForSign);
    const look = (isLast: boolean): void => {
      if (this.#heardAt >= askedAt) this.#checkSilence();
      else if (isLast) this.#lose('The gateway has gone silent.');
      else this.#after(secondLookMs, () => look(true));
    };
    this.#after(signTimeoutMs, () => look(false));
  }

  #lose(reason: string, closeCode?: number): void {
    const wasLive = this.isLive;
    if (wasLive && performance.now() - this.#liveAt >= steadyMs) this.#failures = 0;
    const { firstDelayMs, mostDelayMs } = this.#options;
    const fullMs = Math.min(mostDelayMs, firstDelayMs * 2 ** Math.min(this.#failures, 30));
    const delayMs = fullMs * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#end('waiting');
    this.#after(delayMs, () => this.#dial());
    if (wasLive) this.#options.onLost(reason, closeCode);
    this.state.set({ status: 'offline', reason, retryAt: new Date(Date.now() + delayMs) });
  }

  #end(phase: 'waiting' | 'closed'): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#phase = phase;
    clearTimeout(this.#timer);
    socket?.close();
  }

  #enter(phase: 'dialling' | 'live', ms: number, then: () => void): void {
    this.#phase = phase;
    this.#after(ms, then);
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }

  #reasonOf(code: number | undefined, reason: string | undefined): string {
    if (!this.isLive) return 'The gateway cannot be reached.';
    if (code === closeCodes.goingAway) return 'The gateway stops.';
    return `The gateway closed the connection${reason ? `: ${reason}` : ''}.`;
  }
}

/** Undefined for what is no frame. */
function parse(text: string): GatewayFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === 'object' && frame !== null && 'type' in frame
      ? (frame as GatewayFrame)
      : undefined;
  } catch {
    return undefined;
  }
}
