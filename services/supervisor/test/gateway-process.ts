import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Problem } from '@bkg/sdk';
import type { TestServer } from '@bkg/sdk/testing';

const program = path.join(import.meta.dirname, '../../gateway/dist/main.js');
const startMostMs = 20_000;

/** The gateway as it is run, on a free port. */
export class GatewayProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;

  /** @throws Error with what it has printed, when it does not listen in time */
  static async start(server: TestServer, home: string): Promise<GatewayProcess> {
    const env = {
      BKG_HOME: home,
      BKG_NATS_URL: server.url,
      BKG_CREDENTIALS_FILE: server.credentialsFile,
      BKG_PORT: '0',
      BKG_NO_AUTH: '1',
    };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      return new GatewayProcess(child, await addressOf(child));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  /** @returns why an invocation has failed */
  async fails(id: string, capability: string): Promise<Problem> {
    const response = await fetch(`${this.#url}/api/plugins/${id}/invoke/${capability}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    if (response.ok) throw new Error(`${capability} of ${id} has succeeded: ${text}`);
    return JSON.parse(text) as Problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Its log says it. */
function addressOf({ stdout, stderr }: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the gateway does not listen:\n${text}`)), startMostMs);
    for (const stream of [stdout, stderr])
      stream?.on('data', (chunk: Buffer) => {
        if (text.length < 100_000) text += chunk.toString();
        const [, url] = /"address":"(http:[^"]+)"/.exec(text) ?? [];
        if (url === undefined) return;
        clearTimeout(late);
        resolve(url);
      });
  });
}
