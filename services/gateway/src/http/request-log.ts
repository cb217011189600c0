import fp from 'fastify-plugin';
import type { Logger } from '@bkg/sdk';
import { shownPath } from './shown-path.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked for all the time: a line each would hide everything else, and cost more than the request. */
    isQuiet?: boolean;
  }
}

/** They change nothing, and are asked for by everybody. */
const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/** One line per request: failures of our own as warnings, what changes something as information. */
export const requestLog = fp<{ log: Logger }>(
  async (app, { log }) => {
    app.addHook('onResponse', (request, reply, done) => {
      const isQuiet = request.routeOptions.config.isQuiet === true || reading.has(request.method);
      const level = reply.statusCode >= 500 && reply.statusCode !== 503 ? 'warn' : isQuiet ? 'debug' : 'info';
      if (log.isLevelEnabled(level)) {
        log[level](
          {
            method: request.method,
            path: shownPath(request.url),
            status: reply.statusCode,
            duration_ms: Math.round(reply.elapsedTime * 10) / 10,
          },
          'request',
        );
      }
      done();
    });
  },
  { name: 'request-log' },
);
