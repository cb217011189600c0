import fp from 'fastify-plugin';
import { LogSource } from './log-source.ts';
import { PluginBodies } from './plugin-bodies.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** What is known of the plugins, as it is sent. */
    bodies: PluginBodies;
    /** What they say. */
    lines: LogSource;
  }
}

/** Decorates what all sockets share, so that a change is encoded once and a log line arrives once. */
export const sources = fp(
  async (app) => {
    app.decorate('bodies', new PluginBodies(app.catalog));
    app.decorate('lines', new LogSource(app.broker));
  },
  { name: 'sources', dependencies: ['mesh-watch'] },
);
