import fp from 'fastify-plugin';
import { LogSource } from './log-source.ts';
import { PluginBodies } from './plugin-bodies.ts';
import { TelemetrySource } from './telemetry-source.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** What is known of the plugins, as it is sent. */
    bodies: PluginBodies;
    /** What they say. */
    lines: LogSource;
    /** What they measure, as far as somebody looks. */
    telemetry: TelemetrySource;
  }
}

/** Decorates what all sockets and routes share, so that a change is encoded once and a log line arrives once. */
export const sources = fp(
  async (app) => {
    app.decorate('bodies', new PluginBodies(app.catalog));
    app.decorate('lines', new LogSource(app.broker));
    app.decorate('telemetry', new TelemetrySource(app.broker, app.catalog));
    app.addHook('onClose', async () => app.telemetry.close());
  },
  { name: 'sources', dependencies: ['mesh-watch'] },
);
