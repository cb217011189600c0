import { once } from 'node:events';
import type { GatewayFrame, InvokeFrame } from '@bkg/sdk/protocol';
import { capability } from '../parts.ts';
import { timeoutMs } from './caller.ts';
import type { Caller, CallerOptions } from './caller.ts';
import { noAnswer, outcomeOfOutput, outcomeOfProblem } from './outcome.ts';
import type { Outcome } from './outcome.ts';

const openMostMs = 10_000;
/** More than the gateway's own patience with an invocation. */
const answerMostMs = timeoutMs + 5_000;
/** Invocations at the same time on a socket. */
const placesOfSocket = 64;

interface Waiting {
  text: string;
  settle: (outcome: Outcome) => void;
  late: NodeJS.Timeout;
}

/** Over as many sockets to `/ws` as have a place for each that may be under way. */
export class SocketCaller implements Caller {
  readonly #plugin: string;
  readonly #sockets: WebSocket[];
  /** Those with a free place, once for each. */
  #free: WebSocket[] = [];
  readonly #waiting = new Map<string, Waiting>();
  #next = 0;

  static async open({ httpPort, apiKey, plugin, mostUnderWay }: CallerOptions): Promise<SocketCaller> {
    const headers = { authorization: `Bearer ${apiKey}` };
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${httpPort}/ws`, { headers });
      await once(socket, 'open', { signal: AbortSignal.timeout(openMostMs) });
      return socket;
    };
    const count = Math.ceil(mostUnderWay / placesOfSocket);
    return new SocketCaller(plugin, await Promise.all(Array.from({ length: count }, open)));
  }

  constructor(plugin: string, sockets: WebSocket[]) {
    this.#plugin = plugin;
    this.#sockets = sockets;
    // In turns, so that all of them have some.
    for (let place = 0; place < placesOfSocket; place += 1) this.#free.push(...sockets);
    for (const socket of sockets) {
      socket.addEventListener('message', ({ data }) =>
        this.#take(socket, JSON.parse(String(data)) as GatewayFrame),
      );
      socket.addEventListener('close', ({ code, reason }) => {
        this.#free = this.#free.filter((one) => one !== socket);
        this.#lose(`closed with ${code} ${reason}`);
      });
    }
  }

  async call(text: string): Promise<Outcome> {
    const socket = this.#free.pop();
    if (!socket) return noAnswer('no socket has a place');
    const id = String((this.#next += 1));
    const frame: InvokeFrame = {
      ...{ op: 'invoke', id, plugin: this.#plugin, capability },
      payload: { text },
      timeout_ms: timeoutMs,
    };
    return await new Promise((resolve) => {
      const late = setTimeout(
        () => this.#settle(id, noAnswer(`within ${answerMostMs / 1_000} s`)),
        answerMostMs,
      );
      this.#waiting.set(id, { text, settle: resolve, late });
      socket.send(JSON.stringify(frame));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.close();
  }

  #take(socket: WebSocket, frame: GatewayFrame): void {
    if (frame.type !== 'result' && frame.type !== 'error') return;
    const { id = '' } = frame;
    const text = this.#waiting.get(id)?.text ?? '';
    this.#free.unshift(socket);
    if (frame.type === 'result') return this.#settle(id, outcomeOfOutput(frame.output, text));
    const saysWhen = /try again in \d+(\.\d+)? s/.test(frame.problem.detail);
    this.#settle(id, outcomeOfProblem(frame.problem, undefined, saysWhen));
  }

  /** Which of them were on that socket does not matter: none is meant to be lost. */
  #lose(why: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, noAnswer(`a socket was ${why}`));
  }

  #settle(id: string, outcome: Outcome): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.late);
    waiting.settle(outcome);
  }
}
