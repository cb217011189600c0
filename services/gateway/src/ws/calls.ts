import type { Msg } from '@nats-io/nats-core';
import { BkgError, headerNames, isJsonContentType, parseJson, problemOfError, problemOfMsg } from '@bkg/sdk';
import type { Logger, Problem } from '@bkg/sdk';
import { assertInvocable } from '../access/caller.ts';
import type { Caller } from '../access/caller.ts';
import { httpStatus } from '../http/http-status.ts';
import type { Invocations } from '../invoke/invocations.ts';
import { assertCapabilityId, assertPluginId } from '../plugin-names.ts';
import type { FrameCall } from './frame.ts';
import { plainFrame, resultFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';

export interface CallsParts {
  caller: Caller;
  invocations: Invocations;
  log: Logger;
  send: (frame: OutFrame) => void;
  /** The caller may not do that. */
  refused: (action: string, target: string, why: BkgError) => void;
  /** Of a payload; with what to do about one that is larger. */
  payloadLimit: () => { mostBytes: number; remedy: string };
}

const cancelled = new Error('the client has cancelled it');

/** The invocations that one client has running. */
export class Calls {
  readonly #parts: CallsParts;
  readonly #running = new Map<string, { call: FrameCall; controller: AbortController }>();

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#running.size;
  }

  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Sends one frame when it ends, whatever the end is. @param id the client's, which is free again then */
  async run(id: string, call: FrameCall): Promise<void> {
    const controller = new AbortController();
    this.#running.set(id, { call, controller });
    const frame = await this.#outcome(id, call, controller);
    this.#running.delete(id);
    this.#parts.send(frame);
  }

  /** One that has ended already is none of anybody's errors: its answer is on its way. */
  cancel(id: string): void {
    this.#running.get(id)?.controller.abort(cancelled);
  }

  cancelAll(): void {
    for (const { controller } of this.#running.values()) controller.abort(cancelled);
  }

  /** The caller may do something else than before. */
  review(): void {
    for (const { call, controller } of this.#running.values()) {
      try {
        assertInvocable(this.#parts.caller, call.pluginId, call.capability);
      } catch (error) {
        controller.abort(error);
      }
    }
  }

  async #outcome(id: string, call: FrameCall, controller: AbortController): Promise<OutFrame> {
    const { invocations, log } = this.#parts;
    const { invocationId: invocation_id } = call;
    try {
      this.#check(call);
      const { principal: caller } = this.#parts.caller;
      const mayRead = this.#parts.caller.allows({ verb: 'read', plugin: call.pluginId });
      const sent = { ...call, body: call.payload, contentType: undefined, caller, mayRead };
      const msg = await invocations.run(sent, controller);
      const problem = problemOfMsg(msg);
      if (problem) return plainFrame({ type: 'error', id, invocation_id, problem: asHttp(problem) });
      return resultFrame(id, invocation_id, outputOf(call, msg));
    } catch (error) {
      if (!(error instanceof BkgError)) log.error({ error }, 'an invocation failed in the gateway');
      const problem = problemOfError(error, 'The gateway failed; its log says why.');
      return plainFrame({ type: 'error', id, invocation_id, problem });
    }
  }

  #check({ pluginId, capability, payload }: FrameCall): void {
    assertPluginId(pluginId);
    assertCapabilityId(capability);
    this.#assertMay(pluginId, capability);
    const { mostBytes, remedy } = this.#parts.payloadLimit();
    if (payload.length <= mostBytes) return;
    throw new BkgError(
      'PAYLOAD_TOO_LARGE',
      `The payload has ${payload.length} bytes; at most ${mostBytes} are taken. ${remedy}`,
    );
  }

  #assertMay(pluginId: string, capability: string): void {
    try {
      assertInvocable(this.#parts.caller, pluginId, capability);
    } catch (error) {
      if (error instanceof BkgError) this.#parts.refused('invoke', pluginId, error);
      throw error;
    }
  }
}

/** With the same number as over HTTP. */
function asHttp(problem: Problem): Problem {
  return { ...problem, status: httpStatus(problem.status) };
}

/** @throws BkgError INVALID_OUTPUT for what cannot be a part of a frame */
function outputOf({ pluginId, capability }: FrameCall, msg: Msg): Uint8Array {
  const contentType = msg.headers?.get(headerNames.contentType) || undefined;
  const way = `POST /api/plugins/${pluginId}/invoke/${capability} hands it over as it is.`;
  if (contentType !== undefined && !isJsonContentType(contentType)) {
    const detail = `${capability} of ${pluginId} answered with "${contentType.slice(0, 128)}", which is no JSON; ${way}`;
    throw new BkgError('INVALID_OUTPUT', detail);
  }
  try {
    parseJson(msg.data);
  } catch (error) {
    const detail = `${capability} of ${pluginId} answered with something that is no JSON (${(error as Error).message}); ${way}`;
    throw new BkgError('INVALID_OUTPUT', detail, { cause: error });
  }
  // A copy: the original is a part of a larger buffer, which it would keep alive while it waits.
  return msg.data.slice();
}
