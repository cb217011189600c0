import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nowhere } from '@bkg/sdk';
import { assertInvocable } from '../access/caller.ts';
import type { Caller, Held } from '../access/caller.ts';
import { Abort } from './abort.ts';
import type { Abortable } from './abort.ts';

const left = new Error('the client has left');

/**
 * For one invocation: aborts when the client leaves, then nobody is there any more to answer to; and when its sender may
 * not invoke that any more.
 */
export function controllerOf(
  { caller }: FastifyRequest,
  { raw: response }: FastifyReply,
  pluginId: string,
  capability: string,
): Abortable {
  const call = new OpenCall(caller, response, pluginId, capability);
  caller.hold(call);
  // One that is closed will not say so again.
  if (response.destroyed) call.leave();
  else response.on('close', () => call.leave());
  return call;
}

class OpenCall extends Abort implements Held {
  place = nowhere;
  readonly #caller: Caller;
  readonly #response: ServerResponse;
  readonly #pluginId: string;
  readonly #capability: string;

  constructor(caller: Caller, response: ServerResponse, pluginId: string, capability: string) {
    super();
    this.#caller = caller;
    this.#response = response;
    this.#pluginId = pluginId;
    this.#capability = capability;
  }

  changed(): void {
    try {
      assertInvocable(this.#caller, this.#pluginId, this.#capability);
    } catch (error) {
      this.abort(error);
    }
  }

  ended(why: unknown): void {
    this.abort(why);
  }

  /** Its connection has closed, or its answer was given: it closes after that too. */
  leave(): void {
    this.#caller.release(this);
    if (!this.#response.writableFinished) this.abort(left);
  }
}
