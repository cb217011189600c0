import type { Msg } from '@nats-io/nats-core';
import { BkgError, jsonContentType, problemOfError, problemOfMsg } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { assertInvocable } from '../access/caller.ts';
import type { Caller } from '../access/caller.ts';
import { asHttp } from '../http/http-status.ts';
import type { Call } from '../invoke/call.ts';
import type { ChunkRoom } from '../invoke/chunk-room.ts';
import type { Invocations } from '../invoke/invocations.ts';
import type { StreamedCall } from '../invoke/streamed-call.ts';
import { assertCapabilityId, assertPluginId } from '../plugin-names.ts';
import { ChunkStream } from './chunk-stream.ts';
import type { ChunkStreamParts } from './chunk-stream.ts';
import { invalid } from './frame.ts';
import type { FrameCall } from './frame.ts';
import { jsonBody } from './json-body.ts';
import { plainFrame, resultFrame } from './out-frame.ts';
import type { OutFrame } from './out-frame.ts';

export interface CallsParts {
  caller: Caller;
  invocations: Invocations;
  log: Logger;
  send: (frame: OutFrame) => void;
  /** It has a chunk for which there is credit. */
  onChunk: ChunkStreamParts['onReady'];
  /** For the chunks that wait for this client. */
  room: ChunkRoom;
  /** The caller may not do that. */
  refused: (action: string, target: string, why: BkgError) => void;
  /** Of a payload; with what to do about one that is larger. */
  payloadLimit: () => { mostBytes: number; remedy: string };
}

const cancelled = new Error('the client has cancelled it');

interface Running {
  call: FrameCall;
  controller: AbortController;
  /** Undefined when it wants one result. */
  chunks: ChunkStream | undefined;
}

/** Until the first chunk has shown how large they are. */
const firstWindow = 1;

/** The invocations that one client has running. */
export class Calls {
  readonly #parts: CallsParts;
  readonly #running = new Map<string, Running>();

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#running.size;
  }

  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Sends its chunks, and one frame when it ends, whatever the end is. @param id the client's, which is free again then */
  async run(id: string, call: FrameCall): Promise<void> {
    const controller = new AbortController();
    const { invocationId, window } = call;
    const { onChunk: onReady } = this.#parts;
    const chunks = window === undefined ? undefined : new ChunkStream({ id, invocationId, window, onReady });
    const running = { call, controller, chunks };
    this.#running.set(id, running);
    const frame = await this.#outcome(id, running);
    this.#running.delete(id);
    this.#parts.send(frame);
  }

  /** One that has ended already is none of anybody's errors: its answer is on its way. */
  cancel(id: string): void {
    this.#running.get(id)?.controller.abort(cancelled);
  }

  /** More chunks are taken. Of one that has ended they are none of anybody's errors. @throws BkgError INVALID_PAYLOAD */
  give(id: string, credit: number): void {
    const running = this.#running.get(id);
    if (running && !running.chunks) {
      throw invalid('/id', `names an invocation without "stream", which has one result: "${id}"`);
    }
    running?.chunks?.give(credit);
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

  async #outcome(id: string, running: Running): Promise<OutFrame> {
    const { call } = running;
    const { invocationId: invocation_id } = call;
    try {
      this.#check(call);
      const msg = await this.#carryOut(running);
      const problem = problemOfMsg(msg);
      if (problem) return plainFrame({ type: 'error', id, invocation_id, problem: asHttp(problem) });
      // A copy: the original is a part of a larger buffer, which it would keep alive while it waits.
      return resultFrame(id, invocation_id, new Uint8Array(jsonBody(call, msg, 'answered with')));
    } catch (error) {
      if (!(error instanceof BkgError))
        this.#parts.log.error({ error }, 'an invocation failed in the gateway');
      const problem = problemOfError(error, 'The gateway failed; its log says why.');
      return plainFrame({ type: 'error', id, invocation_id, problem });
    }
  }

  /** @returns the reply that ends it, which may be a failure. @throws BkgError when there is none, or it is no use */
  #carryOut({ call, controller, chunks }: Running): Promise<Msg> {
    const { caller, invocations } = this.#parts;
    const mayRead = caller.allows({ verb: 'read', plugin: call.pluginId });
    const sent = {
      ...call,
      body: call.payload,
      contentType: jsonContentType,
      caller: caller.principal,
      mayRead,
    };
    return chunks ? this.#stream(sent, controller, chunks) : invocations.run(sent, controller);
  }

  async #stream(call: Call & FrameCall, controller: AbortController, chunks: ChunkStream): Promise<Msg> {
    const { invocations, room } = this.#parts;
    const stream = invocations.stream(call, controller, { window: firstWindow, rooms: [room] });
    const { signal } = controller;
    const end = (): void => chunks.end();
    // Also when the plugin has done its part, and nobody but this waits for the client.
    signal.addEventListener('abort', end);
    let late: NodeJS.Timeout | undefined;
    stream.last.then((msg) => {
      if (problemOfMsg(msg)) chunks.hurry();
      else late = setTimeout(() => controller.abort(tooLate(call)), stream.leftMs).unref();
    }, end);
    try {
      for await (const chunk of stream) {
        if (!(await chunks.write(jsonBody(call, chunk, 'sent a chunk of'))))
          return await endOf(stream, signal);
      }
      return await stream.last;
    } finally {
      clearTimeout(late);
      signal.removeEventListener('abort', end);
      stream.leave();
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

/** Why not all of it was sent. @returns the plugin's own failure. @throws BkgError any other */
async function endOf({ last }: StreamedCall, { reason }: AbortSignal): Promise<Msg> {
  const msg = await last;
  if (problemOfMsg(msg)) return msg;
  throw reason instanceof BkgError
    ? reason
    : new BkgError('CANCELLED', 'The invocation was cancelled by its caller.');
}

function tooLate({ capability, pluginId }: FrameCall): BkgError {
  const detail = `The chunks of ${capability} of ${pluginId} were not taken in its time.`;
  return new BkgError('DEADLINE_EXCEEDED', detail);
}
