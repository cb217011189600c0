import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '@bkg/sdk';
import { accessLink } from './access/access-link.ts';
import { auditRoutes } from './access/audit-routes.ts';
import type { AttemptsOptions } from './access/attempts.ts';
import { authentication } from './access/authentication.ts';
import { authorization } from './access/authorization.ts';
import { keyRoutes } from './access/key-routes.ts';
import { roleRoutes } from './access/role-routes.ts';
import { routeAccess } from './access/route-access.ts';
import { sessionRoutes } from './access/session-routes.ts';
import { brokerLink } from './mesh/broker-link.ts';
import { clients } from './ws/clients.ts';
import type { ClientsOptions } from './ws/clients.ts';
import { configRoutes } from './config-routes.ts';
import { controlRoutes } from './control-routes.ts';
import { dashboard } from './dashboard.ts';
import { docsRoutes } from './openapi/docs-routes.ts';
import { feedRoutes } from './feed/feed-routes.ts';
import { guard, headersOfData } from './http/guard.ts';
import { healthRoutes } from './health-routes.ts';
import { invocations } from './invoke/invocations.ts';
import type { HeldCallsOptions } from './invoke/held-calls.ts';
import { bodies } from './http/bodies.ts';
import { cancelRoutes } from './invoke/cancel-routes.ts';
import { invokeRoutes } from './invoke/invoke-routes.ts';
import type { InvokeRoutesOptions } from './invoke/invoke-routes.ts';
import { limits } from './limits/limits.ts';
import type { LimitsOptions } from './limits/limits.ts';
import { logRoutes } from './log-routes.ts';
import { meshWatch } from './mesh/mesh-watch.ts';
import { notFound } from './http/not-found.ts';
import { openApiRoutes } from './openapi/openapi-routes.ts';
import { pluginRoutes } from './plugin-routes.ts';
import { problemOfHttp, problems, refuseGarbage, sendProblem } from './http/problems.ts';
import { requestLog } from './http/request-log.ts';
import type { Settings } from './settings.ts';
import { shutdown } from './http/shutdown.ts';
import { slowClients } from './http/slow-clients.ts';
import type { SlowClientsOptions } from './http/slow-clients.ts';
import { sockets } from './http/sockets.ts';
import { sources } from './ws/sources.ts';
import { wsRoutes } from './ws/ws-routes.ts';
import type { WsRoutesOptions } from './ws/ws-routes.ts';

export interface ServerOptions {
  settings: Settings;
  log: Logger;
  /** How long running requests may take when it closes. @default 5000 */
  graceMs?: number;
  /** How long a plugin that is missing in the registry is still shown. @default 5000 */
  settleMs?: number;
  /** What is sent to the broker in one turn of the event loop goes out in one write. @default true */
  joinWrites?: boolean;
  /** Of the invocations that wait for the next instance of a `single_writer` plugin. */
  hold?: HeldCallsOptions;
  /** Chunks that wait for all clients together. @default 128 MiB */
  chunksMostBytes?: number;
  limits?: LimitsOptions;
  /** For a body to arrive in that is not piped. @default 60000 */
  bodyTimeoutMs?: number;
  invoke?: Omit<InvokeRoutesOptions, 'log'>;
  slowClients?: SlowClientsOptions;
  /** Of wrong keys. */
  attempts?: AttemptsOptions;
  clients?: ClientsOptions;
  ws?: WsRoutesOptions;
}

/** For the body of a request to arrive in, never for its answer; an upload may take as long as its invocation. */
const bodyTimeoutMs = 60_000;
const headersTimeoutMs = 10_000;
/** Request line and headers together; said in problems.ts. */
const headersMostBytes = 16 * 1024;
const connectionsMost = 10_000;

/** The gateway, not listening yet. It connects to the broker in the background. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { settings, log, graceMs = 5_000, settleMs, joinWrites } = options;
  const app = fastify({
    // Request lines are ours (request-log.ts); Fastify's own logger would make a child for each request.
    logger: false,
    // Not of whole requests: an upload may take an hour. Bodies have their time in bodies.ts.
    requestTimeout: 0,
    // Longer than a request line may be: an id that is too long is answered by its route, which knows why.
    routerOptions: { maxParamLength: 16 * 1024 },
    http: {
      headersTimeout: headersTimeoutMs,
      maxHeaderSize: headersMostBytes,
      connectionsCheckingInterval: 5_000,
      // The guard refuses a request without Host, and says why.
      requireHostHeader: false,
      // Others ask for an upgrade too, to HTTP/2 for one, and are content without it.
      shouldUpgradeCallback: ({ url, headers }) =>
        headers.upgrade?.toLowerCase() === 'websocket' && /^\/ws(?:[/?]|$)/.test(url ?? ''),
    },
    // Ours says it with a problem object (shutdown.ts).
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => refuseGarbage(error, socket),
    frameworkErrors: (error, _request, reply) => {
      // No hook has run for these.
      sendProblem(reply.headers(headersOfData), problemOfHttp(error));
    },
  });
  app.server.maxConnections = connectionsMost;
  // Bodies are read by the routes, as bytes (read-body.ts).
  app.removeAllContentTypeParsers();
  // A pattern, and not '*': for that Fastify takes the type of each request apart, and looks for a parser again.
  app.addContentTypeParser(/^/, (_request, _payload, done) => done(null));

  await app.register(routeAccess);
  await app.register(problems, { log });
  await app.register(bodies, { timeoutMs: options.bodyTimeoutMs ?? bodyTimeoutMs });
  await app.register(slowClients, options.slowClients ?? {});
  await app.register(sockets);
  await app.register(guard, settings);
  await app.register(shutdown, { graceMs });
  await app.register(requestLog, { log });
  await app.register(brokerLink, { ...settings, log, ...(joinWrites !== undefined && { joinWrites }) });
  await app.register(accessLink, {
    ...settings,
    log,
    ...(options.attempts && { attempts: options.attempts }),
  });
  await app.register(authentication, settings);
  await app.register(authorization);
  await app.register(meshWatch, { log, ...(settleMs !== undefined && { settleMs }) });
  await app.register(limits, { ...options.limits, log });
  await app.register(invocations, {
    ...(options.hold && { hold: options.hold }),
    ...(options.chunksMostBytes !== undefined && { chunksMostBytes: options.chunksMostBytes }),
  });
  await app.register(dashboard, { folder: settings.dashboard });
  await app.register(notFound);
  await app.register(healthRoutes);
  await app.register(sources);
  await app.register(clients, options.clients ?? {});
  await app.register(feedRoutes);
  await app.register(wsRoutes, { ...options.ws, log });
  await app.register(pluginRoutes);
  await app.register(logRoutes);
  await app.register(controlRoutes, { log });
  await app.register(configRoutes, { log });
  await app.register(invokeRoutes, { ...options.invoke, log });
  await app.register(cancelRoutes);
  await app.register(sessionRoutes);
  await app.register(keyRoutes);
  await app.register(roleRoutes);
  await app.register(auditRoutes);
  await app.register(openApiRoutes);
  await app.register(docsRoutes, settings);
  return app;
}
