import { headerNames, problemContentType } from '@bkg/sdk/protocol';
import { requestOf } from '../../load.ts';
import { Wires } from '../../wires.ts';
import { capability } from '../parts.ts';
import { timeoutMs } from './caller.ts';
import type { Caller, CallerOptions } from './caller.ts';
import { noAnswer, notAsPromised, outcomeOfOutput, outcomeOfProblem } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** Over connections that are kept, each with one request at a time. */
export class HttpCaller implements Caller {
  readonly #options: CallerOptions;
  readonly #wires: Wires;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#wires = new Wires({ port: options.httpPort, most: options.mostUnderWay });
  }

  async call(text: string): Promise<Outcome> {
    const { httpPort: port, apiKey: key, plugin } = this.#options;
    const path = `/api/plugins/${plugin}/invoke/${capability}`;
    const headers = { [headerNames.timeoutMs]: String(timeoutMs) };
    try {
      const request = requestOf({ port, path, body: JSON.stringify({ text }), key, headers });
      const { status, head, body } = await this.#wires.exchange(request);
      const value = JSON.parse(Buffer.from(body, 'latin1').toString()) as unknown;
      if (status === 200) return outcomeOfOutput(value, text);
      if (!head.toLowerCase().includes(`content-type: ${problemContentType}`))
        return notAsPromised(`${status} that is no ${problemContentType}`);
      return outcomeOfProblem(value, status, /^retry-after: [1-9]\d*$/im.test(head));
    } catch (error) {
      return noAnswer(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wires[Symbol.dispose]();
  }
}
