import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError, isJsonContentType } from '@bkg/sdk';
import type { Logger } from '@bkg/sdk';
import { parseBody } from './invoke/raw-json.ts';
import { assertPluginId } from './plugin-names.ts';
import { readBody } from './http/read-body.ts';
import { SupervisorClient } from './mesh/supervisor-client.ts';
import type { ControlOptions } from './mesh/supervisor-client.ts';

const verbs = ['start', 'stop', 'restart'] as const;
const limit = { mostBytes: 4_096, remedy: 'It takes {"wait": false}, or nothing.' };

/** `POST /api/plugins/:id/<verb>`: 200 when it is reached, with `?wait=false` 202 when it is accepted. */
export const controlRoutes = fp<{ log: Logger }>(
  async (app, { log }) => {
    const { broker, catalog, cutOff } = app;
    const supervisor = new SupervisorClient(broker, cutOff);
    for (const verb of verbs) {
      app.post<{ Params: { id: string } }>(`/api/plugins/:id/${verb}`, async (request, reply) => {
        const { id } = request.params;
        assertPluginId(id);
        const options = await readOptions(request, reply);
        log.info({ plugin: id, verb }, `${verb} of ${id} was asked for`);
        const entry = await supervisor.control(verb, id, options);
        // Whoever asks right after this must not be told of the time before.
        catalog.note(entry);
        return reply.code(options.wait === false ? 202 : 200).send(catalog.describe(entry));
      });
    }
  },
  { name: 'control-routes', dependencies: ['mesh-watch', 'shutdown'] },
);

/** The options as the query or the body has them; the body is that of the request on the broker. */
async function readOptions(request: FastifyRequest, reply: FastifyReply): Promise<ControlOptions> {
  const { wait } = request.query as Record<string, unknown>;
  if (wait !== undefined && wait !== 'true' && wait !== 'false') {
    throw invalid('/wait', `"wait" in the address must be true or false.`);
  }
  const body = await readBody(request, reply, limit);
  const fromBody = body.length > 0 ? parseOptions(body, request.headers['content-type']) : {};
  return wait === undefined ? fromBody : { wait: wait === 'true' };
}

function parseOptions(body: Buffer, contentType: string | undefined): ControlOptions {
  if (contentType === undefined || !isJsonContentType(contentType)) {
    throw invalid('', 'A body needs "Content-Type: application/json"; or send none.');
  }
  const value = parseBody(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('', `The body must be an object. ${limit.remedy}`);
  }
  const { wait, ...others } = value as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(`/${unknown}`, `"${unknown}" is no option. ${limit.remedy}`);
  if (wait !== undefined && typeof wait !== 'boolean') {
    throw invalid('/wait', '"wait" must be true or false.');
  }
  return wait === undefined ? {} : { wait };
}

function invalid(path: string, detail: string): BkgError {
  return new BkgError('INVALID_PAYLOAD', detail, { errors: [{ path, message: detail }] });
}
