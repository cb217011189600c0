import http from 'node:http';
import { keyCredentials } from '@bkg/sdk/access';
import { connectClient } from '@bkg/sdk/client';
import { connectGateway } from '@bkg/sdk/client/ws';
import type { NeighbourCall } from './rules/neighbour.ts';
import type { Stage } from './stage.ts';

const everyMs = 150;
/** Longer than anything takes on a machine that is busy. */
const answerMostMs = 30_000;

/** Somebody who uses `steady` all the time as it should be used, over HTTP, WebSocket and NATS in turn. */
export class Neighbour implements AsyncDisposable {
  readonly calls: NeighbourCall[] = [];
  readonly #ways: [name: string, invoke: (text: string) => Promise<unknown>][];
  readonly #timer: NodeJS.Timeout;
  readonly #close: () => Promise<void>;
  readonly #open = new Set<Promise<void>>();
  #count = 0;

  static async begin(stage: Stage): Promise<Neighbour> {
    const key = await stage.newKey('neighbour', ['invoke:steady'], true);
    const { mesh } = stage;
    const nats = await connectClient({ servers: [mesh.busUrl], credentials: keyCredentials(key) });
    const gateway = connectGateway({ url: mesh.url, apiKey: key });
    const agent = new http.Agent({ keepAlive: true });
    const ways: [string, (text: string) => Promise<unknown>][] = [
      ['HTTP', (text) => post(`${mesh.url}/api/plugins/steady/invoke/strict.say`, key, agent, { text })],
      ['WebSocket', (text) => gateway.invoke('steady', 'strict.say', { text }, { timeoutMs: answerMostMs })],
      ['NATS', (text) => nats.invoke('steady', 'strict.say', { text }, { timeoutMs: answerMostMs })],
    ];
    return new Neighbour(ways, async () => {
      agent.destroy();
      await gateway.close();
      await nats.close();
    });
  }

  constructor(ways: [string, (text: string) => Promise<unknown>][], close: () => Promise<void>) {
    this.#ways = ways;
    this.#close = close;
    this.#timer = setInterval(() => {
      const call = this.#call();
      this.#open.add(call);
      void call.finally(() => this.#open.delete(call));
    }, everyMs);
  }

  /** Waits for what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    await this.#close();
  }

  async #call(): Promise<void> {
    const number = (this.#count += 1);
    const [way, invoke] = this.#ways[number % this.#ways.length] ?? ['nothing', () => Promise.resolve()];
    const text = `neighbour ${number}`;
    const begun = performance.now();
    const failure = await invoke(text).then(
      (output) =>
        (output as { text?: unknown } | undefined)?.text === text
          ? undefined
          : `the answer is ${JSON.stringify(output)}`,
      (error: unknown) => String(error),
    );
    this.calls.push({ way, ms: performance.now() - begun, ...(failure !== undefined && { failure }) });
  }
}

function post(url: string, key: string, agent: http.Agent, payload: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const request = http.request(
      url,
      { method: 'POST', agent, headers, timeout: answerMostMs },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('error', reject).on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${response.statusCode}: ${text}`));
        });
      },
    );
    request.on('error', reject).on('timeout', () => request.destroy(new Error('it took too long')));
    request.end(JSON.stringify(payload));
  });
}
