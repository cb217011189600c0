import { hashSecret, Keeper } from '@bkg/sdk/access';
import { delay } from '@bkg/sdk/host';
import { Failure } from '../failure.ts';
import type { Say } from '../say.ts';
import { keepAdminKey } from './admin-key.ts';
import type { AdminKey } from './admin-key.ts';
import { withBus } from './bus.ts';
import type { BusAddress } from './bus.ts';

export interface AccessTimings {
  /** How long the end of the start waits for the plugin that keeps the API keys. */
  withinMs: number;
  /** How often it is looked for after that. */
  againMs: number;
}

export interface AccessOptions {
  address: BusAddress;
  /** Where the admin key is kept. */
  file: string;
  /** The dashboard's address. */
  url: string;
  say: Say;
  timings: AccessTimings;
}

/** Of the mesh itself, in the audit. */
const actor = { who: 'bkg', via: 'mesh', from: '' } as const;
const pollMs = 100;
const answerWithinMs = 2_000;

type Asked = { link: string } | 'invalid' | { away: string };

/**
 * Makes sure that whoever starts the mesh can get in: keeps the admin key, and makes a link to sign in with. What goes
 * wrong is said and does not keep the mesh from running.
 */
export class Access {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /**
   * While the keeper of the keys is away it is waited for; after that it is looked for until `signal` aborts, and the
   * link is printed when it is there.
   * @returns the link, and what goes on; neither without a key that does @throws the reason of `signal`
   */
  async open(signal: AbortSignal): Promise<{ link?: string; later?: Promise<void> }> {
    const { say, timings } = this.#options;
    const key = this.#key();
    if (!key) return {};
    const asked = await this.#ask(key, timings.withinMs, signal);
    if (typeof asked === 'object' && 'away' in asked) {
      const problem = `the plugin apikeys does not answer (${asked.away}), and without it nobody gets in`;
      say.marked('!', 'access', `${problem}; it is waited for, and its log says more: \`bkg logs apikeys\``);
      return { later: this.#askLater(key, signal) };
    }
    return this.#linkOf(asked);
  }

  #key(): AdminKey | undefined {
    const { file, say } = this.#options;
    try {
      const key = keepAdminKey(file);
      if (key.wasOpen)
        say.marked(
          '!',
          'access',
          `others could read ${file}, and cannot any more; who may have is shut out by \`bkg keys rotate ${key.prefix} --grace 0s\``,
        );
      return key;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say.marked('✗', 'access', `${error.message} To do: ${error.remedy}`);
      return undefined;
    }
  }

  async #askLater(key: AdminKey, signal: AbortSignal): Promise<void> {
    const { say, timings } = this.#options;
    try {
      for (;;) {
        await delay(timings.againMs, signal);
        const asked = await this.#ask(key, pollMs, signal);
        if (typeof asked === 'object' && 'away' in asked) continue;
        const { link } = this.#linkOf(asked);
        if (link !== undefined) say.marked('✓', 'access', `the plugin apikeys answers; ${signInText(link)}`);
        return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #linkOf(asked: { link: string } | 'invalid'): { link?: string } {
    const { file, say } = this.#options;
    if (asked !== 'invalid') return asked;
    say.marked(
      '!',
      'access',
      `the key in ${file} does not do any more: it was revoked or rotated, or has expired. Put another admin key into the file, or remove it and start again: then a new one is made`,
    );
    return {};
  }

  async #ask({ prefix, secret }: AdminKey, withinMs: number, signal: AbortSignal): Promise<Asked> {
    const { address, url } = this.#options;
    const proof = { prefix, hash: hashSecret(secret) };
    // A question that is under way when the time is over is still waited for.
    const until = performance.now() + withinMs;
    const late = AbortSignal.any([signal, AbortSignal.timeout(withinMs + answerWithinMs)]);
    try {
      return await withBus(address, late, async (connection) => {
        const keeper = new Keeper(connection);
        const options = { timeoutMs: answerWithinMs, signal: late };
        for (;;) {
          try {
            const { state } = await keeper.ensureAdmin(proof, options);
            if (state === 'invalid') return state;
            const { ticket } = await keeper.createTicket(actor, proof, options);
            return { link: `${url}/sign-in#ticket=${ticket}` };
          } catch (error) {
            signal.throwIfAborted();
            if (performance.now() >= until) return { away: (error as Error).message };
            await delay(pollMs, signal);
          }
        }
      });
    } catch (error) {
      signal.throwIfAborted();
      return { away: (error as Error).message };
    }
  }
}

/** A link as it is told to people. */
export function signInText(link: string): string {
  return `sign in: ${link} (works once, for 10 minutes)`;
}
