import http from 'node:http';
import { headerNames } from '@bkg/sdk/protocol';
import type { Mesh } from '../mesh.ts';
import { connectionLost, unforeseen } from './ledger.ts';
import type { Call, Ledger } from './ledger.ts';

/** Longer than the gateway is ever stopped, with its deadline: by then there is no answer. */
const giveUpMs = 45_000;

/** Invocations over `POST`, on connections that are kept. */
export class HttpCalls {
  readonly #url: string;
  readonly #headers: Mesh['headers'];
  readonly #ledger: Ledger;
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor({ url, headers }: Pick<Mesh, 'url' | 'headers'>, ledger: Ledger) {
    this.#url = url;
    this.#headers = headers;
    this.#ledger = ledger;
  }

  send(call: Call, payload: object): void {
    const { plugin, capability, timeoutMs } = call.kind;
    const body = JSON.stringify(payload);
    const lost = (error: Error): void => this.#ledger.end(call, connectionLost, error.message);
    const request = http.request(`${this.#url}/api/plugins/${plugin}/invoke/${capability}`, {
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...this.#headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        [headerNames.timeoutMs]: String(timeoutMs),
      },
    });
    const late = setTimeout(() => request.destroy(), giveUpMs);
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        if (response.statusCode === 200) return this.#ledger.end(call, 'ok');
        const { code, detail } = problemOf(text);
        this.#ledger.end(call, code, detail);
      });
      response.once('error', lost);
    });
    request.once('error', (error) => {
      // Our own end is no answer.
      if (!request.destroyed || request.errored !== null) lost(error);
    });
    request.once('close', () => clearTimeout(late));
    request.end(body);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function problemOf(text: string): { code: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(text) as { code?: unknown; detail?: unknown };
    if (typeof code === 'string') return { code, detail: String(detail) };
  } catch {
    // Told below.
  }
  return { code: unforeseen, detail: text.slice(0, 200) };
}
