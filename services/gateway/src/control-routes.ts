import fp from 'fastify-plugin';
import type { Logger } from '@bkg/sdk';
import { actorOf } from './access/actor.ts';
import { needs } from './access/route-access.ts';
import { orderSchemas, readOrder } from './order-body.ts';
import { assertPluginId } from './plugin-names.ts';
import { SupervisorClient } from './mesh/supervisor-client.ts';
import type { ControlVerb } from './mesh/supervisor-client.ts';

/** `POST /api/plugins/:id/<verb>`: 200 when it is reached, with `?wait=false` 202 when it is accepted. */
export const controlRoutes = fp<{ log: Logger }>(
  async (app, { log }) => {
    const { broker, catalog, cutOff } = app;
    const supervisor = new SupervisorClient(broker, cutOff);
    for (const verb of Object.keys(orderSchemas) as ControlVerb[]) {
      const config = { access: needs('control', `control.${verb}`) };
      app.post<{ Params: { id: string } }>(`/api/plugins/:id/${verb}`, { config }, async (request, reply) => {
        const { id } = request.params;
        assertPluginId(id);
        const order = await readOrder(verb, request, reply);
        const actor = actorOf(app, request);
        log.info({ plugin: id, verb, who: actor.who, by: order.by }, `${verb} of ${id} was asked for`);
        const entry = await supervisor.control(verb, id, order, actor);
        // Whoever asks right after this must not be told of the time before.
        catalog.note(entry);
        return reply.code(order.wait === false ? 202 : 200).send(catalog.describe(entry));
      });
    }
  },
  { name: 'control-routes', dependencies: ['mesh-watch', 'shutdown'] },
);
