import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, headerNames, isJsonContentType, jsonContentType } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { assertInvocable } from '../access/caller.ts';
import { needs } from '../access/route-access.ts';
import type { Call } from './call.ts';
import { readCallHeaders } from './call-headers.ts';
import { controllerOf } from './call-controller.ts';
import { assertPlain, contentTypeOf } from './content-type.ts';
import { readEnvelope } from './envelope.ts';
import { wantsEvents } from './event-stream.ts';
import { rateLimitHeaders } from '../limits/rate-limit-headers.ts';
import { payloadMostBytes, payloadRemedy } from './payload-limit.ts';
import { joinShort, sendPlain } from './plain-answer.ts';
import { assertCapabilityId, assertPluginId } from '../plugin-names.ts';
import { readBody } from '../http/read-body.ts';
import type { BodyLimit } from '../http/read-body.ts';
import { sendStreamed } from './streamed-answer.ts';
import { uploadOf } from './upload-of.ts';

export interface InvokeRoutesOptions {
  log: Logger;
  /** Of server-sent events: between two comments while nothing else comes. @default 15000 */
  keepAliveMs?: number;
  /** How long the sender of a piped body may send nothing. @default 30000 */
  stallMs?: number;
  /** When all of a streaming answer is here: how long its client may take nothing of it. @default 60000 */
  restMs?: number;
}

/**
 * `POST /api/plugins/:id/invoke/:capability` takes any body and hands it over byte by byte; `POST
 * /api/plugins/:id/invoke` has the capability in its body, which is for those who cannot choose the path.
 */
export const invokeRoutes = fp<InvokeRoutesOptions>(
  async (app, { log, keepAliveMs, stallMs, restMs }) => {
    const { broker, catalog, invocations } = app;
    const options = { config: { isQuiet: true, access: needs('invoke') }, onSend: joinShort };

    const bodyLimit = (): BodyLimit => ({
      mostBytes: payloadMostBytes(broker),
      remedy: payloadRemedy,
    });

    const answer = async (
      request: FastifyRequest,
      reply: FastifyReply,
      given: Omit<Call, 'caller' | 'mayRead' | 'onCharge'>,
    ): Promise<FastifyReply> => {
      const { pluginId, capability } = given;
      const { caller } = request;
      const call: Call = {
        ...given,
        caller: caller.principal,
        mayRead: caller.allows({ verb: 'read', plugin: pluginId }),
        // Says in the headers of the answer what limits the invocation.
        onCharge: (charge) => void reply.headers(rateLimitHeaders(charge)),
      };
      const controller = controllerOf(request, reply, pluginId, capability);
      const chunkType = catalog.capability(pluginId, capability)?.chunk_type;
      const asEvents = wantsEvents(request.headers.accept);
      if (!asEvents && chunkType === undefined) {
        return sendPlain(reply, await invocations.run(call, controller));
      }
      return sendStreamed(reply, invocations.stream(call, controller), {
        log,
        call,
        wantsEvents: asEvents,
        chunkType,
        keepAliveMs,
        restMs,
      });
    };

    app.post<{ Params: { id: string; capability: string } }>(
      '/api/plugins/:id/invoke/:capability',
      options,
      async (request, reply) => {
        const headers = readCallHeaders(request.headers);
        reply.header(headerNames.invocationId, headers.invocationId);
        const { id: pluginId, capability } = request.params;
        assertPluginId(pluginId);
        assertCapabilityId(capability);
        assertInvocable(request.caller, pluginId, capability);
        assertPlain(request);
        const takesUpload = catalog.capability(pluginId, capability)?.upload === true;
        const config = takesUpload ? catalog.get(pluginId)?.config : undefined;
        const upload = config && uploadOf(request, reply, bodyLimit(), config, stallMs);
        if (!upload) {
          const body = await readBody(request, reply, bodyLimit());
          const contentType = contentTypeOf(request, body);
          return answer(request, reply, { ...headers, pluginId, capability, body, contentType });
        }
        try {
          const contentType = contentTypeOf(request, undefined);
          const given = { ...headers, pluginId, capability, body: nothing, contentType, upload };
          return await answer(request, reply, given);
        } finally {
          upload.close();
        }
      },
    );

    app.post<{ Params: { id: string } }>('/api/plugins/:id/invoke', options, async (request, reply) => {
      const headers = readCallHeaders(request.headers);
      reply.header(headerNames.invocationId, headers.invocationId);
      const { id: pluginId } = request.params;
      assertPluginId(pluginId);
      assertPlain(request);
      const envelope = await readBody(request, reply, bodyLimit());
      if (!isJsonContentType(contentTypeOf(request, envelope))) throw wrongContentType(request);
      const { capability, payload: body } = readEnvelope(envelope);
      assertCapabilityId(capability);
      // What the path could not say.
      assertInvocable(request.caller, pluginId, capability);
      return answer(request, reply, { ...headers, pluginId, capability, body, contentType: jsonContentType });
    });
  },
  { name: 'invoke-routes', dependencies: ['broker-link', 'invocations'] },
);

const nothing = Buffer.alloc(0);

function wrongContentType({ headers }: FastifyRequest): BkgError {
  return new BkgError(
    'INVALID_PAYLOAD',
    `The content type "${headers['content-type']?.slice(0, 128)}" was given; this takes ${jsonContentType}. Other types go to /invoke/<capability>.`,
  );
}
