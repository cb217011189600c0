import type { ServerResponse } from 'node:http';
import type { Msg } from '@nats-io/nats-core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import {
  BkgError,
  headerNames,
  isJsonContentType,
  jsonContentType,
  problemContentType,
  problemOfMsg,
} from '@bkg/sdk';
import { assertInvocable } from '../access/caller.ts';
import type { Caller } from '../access/caller.ts';
import { needs } from '../access/route-access.ts';
import { readCallHeaders } from './call-headers.ts';
import { readEnvelope } from './envelope.ts';
import type { Call } from './invocations.ts';
import { httpStatus } from '../http/http-status.ts';
import { rateLimitHeaders } from '../limits/rate-limit-headers.ts';
import type { Charge } from '../limits/rate-limits.ts';
import { payloadMostBytes, payloadRemedy } from './payload-limit.ts';
import { assertCapabilityId, assertPluginId } from '../plugin-names.ts';
import { sendProblem } from '../http/problems.ts';
import { readBody } from '../http/read-body.ts';
import type { BodyLimit } from '../http/read-body.ts';

/**
 * `POST /api/plugins/:id/invoke/:capability` takes any body and hands it over byte by byte; `POST
 * /api/plugins/:id/invoke` has the capability in its body, which is for those who cannot choose the path.
 */
export const invokeRoutes = fp(
  async (app) => {
    const { broker, invocations } = app;
    const options = { config: { isQuiet: true, access: needs('invoke') } };

    const bodyLimit = (): BodyLimit => ({
      mostBytes: payloadMostBytes(broker),
      remedy: payloadRemedy,
    });

    app.post<{ Params: { id: string; capability: string } }>(
      '/api/plugins/:id/invoke/:capability',
      options,
      async (request, reply) => {
        const headers = readCallHeaders(request.headers);
        reply.header(headerNames.invocationId, headers.invocationId);
        const { id, capability } = request.params;
        assertPluginId(id);
        assertCapabilityId(capability);
        assertInvocable(request.caller, id, capability);
        assertPlain(request);
        const body = await readBody(request, reply, bodyLimit());
        const contentType = contentTypeOf(request, body);
        const onCharge = tellOf(reply);
        const call = { ...headers, ...whose(request.caller, id), capability, body, contentType, onCharge };
        return passOn(reply, await invocations.run(call, endedWith(reply.raw, request.caller)));
      },
    );

    app.post<{ Params: { id: string } }>('/api/plugins/:id/invoke', options, async (request, reply) => {
      const headers = readCallHeaders(request.headers);
      reply.header(headerNames.invocationId, headers.invocationId);
      const { id } = request.params;
      assertPluginId(id);
      assertPlain(request);
      const body = await readBody(request, reply, bodyLimit());
      if (!isJsonContentType(contentTypeOf(request, body))) throw wrongContentType(request);
      const { capability, payload } = readEnvelope(body);
      assertCapabilityId(capability);
      // What the path could not say.
      assertInvocable(request.caller, id, capability);
      const onCharge = tellOf(reply);
      const of = whose(request.caller, id);
      const call = { ...headers, ...of, capability, body: payload, contentType: undefined, onCharge };
      return passOn(reply, await invocations.run(call, endedWith(reply.raw, request.caller)));
    });
  },
  { name: 'invoke-routes', dependencies: ['broker-link', 'invocations'] },
);

/** Of which plugin, and who invokes it. */
function whose(caller: Caller, pluginId: string): Pick<Call, 'pluginId' | 'caller' | 'mayRead'> {
  const mayRead = caller.allows({ verb: 'read', plugin: pluginId });
  return { pluginId, caller: caller.principal, mayRead };
}

const left = new Error('the client has left');

/** Aborts when the client leaves, then nobody is there any more to answer to; and when its key ends. */
function endedWith(response: ServerResponse, caller: Caller): AbortController {
  const controller = new AbortController();
  const release = caller.hold(controller);
  const leave = (): void => {
    release();
    // It closes after the answer too.
    if (!response.writableFinished) controller.abort(left);
  };
  // One that is closed will not say so again.
  if (response.destroyed) leave();
  else response.once('close', leave);
  return controller;
}

/** Says in the headers of the answer what limits the invocation. */
function tellOf(reply: FastifyReply): (charge: Charge) => void {
  return (charge) => void reply.headers(rateLimitHeaders(charge));
}

/** The plugin would get the compressed bytes and no word of it. */
function assertPlain({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new BkgError(
    'INVALID_PAYLOAD',
    `The body is encoded with "${encoding.slice(0, 64)}"; send it as it is.`,
  );
}

/** @throws BkgError when there is a body and nothing says what it is */
function contentTypeOf({ headers }: FastifyRequest, body: Buffer): string | undefined {
  const contentType = headers['content-type'];
  if (contentType === undefined && body.length > 0) {
    throw new BkgError(
      'INVALID_PAYLOAD',
      `The body has no Content-Type; say what it is, for JSON with "Content-Type: ${jsonContentType}".`,
    );
  }
  if (contentType !== undefined && !isHeaderText(contentType)) {
    throw new BkgError('INVALID_PAYLOAD', 'The Content-Type takes up to 255 characters of ASCII.');
  }
  return contentType;
}

function wrongContentType({ headers }: FastifyRequest): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The content type "${headers['content-type']?.slice(0, 128)}" was given; this takes ${jsonContentType}. Other types go to /invoke/<capability>.`,
  );
}

function isHeaderText(text: string): boolean {
  return /^[\x20-\x7e]{1,255}$/.test(text);
}

/** Gives a plugin's reply to the client: body and content type as they are, the status from the error headers. */
function passOn(reply: FastifyReply, msg: Msg): FastifyReply {
  const contentType = msg.headers?.get(headerNames.contentType) || jsonContentType;
  const problem = problemOfMsg(msg);
  const status = problem ? httpStatus(problem.status) : 200;
  const retryAfter = problem && msg.headers?.get(headerNames.retryAfter);
  // It may be any text of a plugin without the SDK.
  if (retryAfter && /^\d{1,9}$/.test(retryAfter)) reply.header(headerNames.retryAfter, retryAfter);
  // A plugin without the SDK says no more than a number and a line: the problem object is made of these.
  if (problem && (contentType !== problemContentType || status !== problem.status)) {
    return sendProblem(reply, problem);
  }
  return reply
    .code(status)
    .header('content-type', isHeaderText(contentType) ? contentType : 'application/octet-stream')
    .send(msg.data);
}
