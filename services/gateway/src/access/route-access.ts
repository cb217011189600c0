import type { FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { Need, ScopeVerb } from '@bkg/sdk';
import { anonymous } from './caller.ts';
import type { Caller } from './caller.ts';

/** What a route asks of who comes. */
export type Access =
  /** Nobody is asked who they are. */
  | 'open'
  /** Who says who they are sees more. */
  | 'anyone'
  /** Somebody, who may do nothing else. */
  | 'signed in'
  | RouteNeed;

export interface RouteNeed {
  need: (request: FastifyRequest) => Need;
  /** What the audit calls it, when it is refused. @default the verb */
  action?: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it: nobody known, until it is found out. */
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** Every route has to say it: one that does not keeps the gateway from starting. */
    access?: Access;
  }
}

/** To be registered before everything that has routes. */
export const routeAccess = fp(
  async (app) => {
    const routes: RouteOptions[] = [];
    app.addHook('onRoute', (route) => void routes.push(route));
    // Not at once: what a library registers is told its access by who registers the library.
    app.addHook('onReady', async () => assertAllSay(routes));
    app.decorateRequest('caller');
    app.addHook('onRequest', (request, _reply, done) => {
      request.caller = anonymous;
      done();
    });
  },
  { name: 'route-access' },
);

/** @throws Error that names the routes that do not say whom they let in */
function assertAllSay(routes: readonly Pick<RouteOptions, 'method' | 'url' | 'config'>[]): void {
  const forgotten = routes.filter(({ config }) => config?.access === undefined);
  if (forgotten.length === 0) return;
  const names = forgotten.map(({ method, url }) => `${[method].flat().join(', ')} ${url}`);
  throw new Error(`These routes do not say who may use them, with config: {access}: ${names.join('; ')}.`);
}

type Params = Partial<Record<'id' | 'capability', string>>;

/** The verb, on the plugin and the capability that the path names; without any in it for any at all. */
export function needs(verb: ScopeVerb, action?: string): RouteNeed {
  return {
    need: ({ params }) => {
      const { id, capability } = params as Params;
      return {
        verb,
        ...(id !== undefined && { plugin: id }),
        ...(capability !== undefined && { capability }),
      };
    },
    ...(action !== undefined && { action }),
  };
}

/** The options of a route for admins. @param action what the audit calls it */
export function forAdmins(
  action: string,
  { isQuiet = false } = {},
): { config: { access: RouteNeed; isQuiet: boolean } } {
  return { config: { access: { need: () => ({ verb: 'admin' }), action }, isQuiet } };
}
