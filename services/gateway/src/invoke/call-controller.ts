import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertInvocable } from '../access/caller.ts';

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
): AbortController {
  const controller = new AbortController();
  const release = caller.hold(controller);
  const review = caller.onChange(() => {
    try {
      assertInvocable(caller, pluginId, capability);
    } catch (error) {
      controller.abort(error);
    }
  });
  const leave = (): void => {
    release();
    review();
    // It closes after the answer too.
    if (!response.writableFinished) controller.abort(left);
  };
  // One that is closed will not say so again.
  if (response.destroyed) leave();
  else response.once('close', leave);
  return controller;
}
