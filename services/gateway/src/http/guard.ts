import type { AddressInfo } from 'node:net';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { ownHosts, refusal } from './own-address.ts';

export interface GuardOptions {
  host: string;
  /** Before it listens, for requests that are injected. */
  port: number;
}

const headersOfAll = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};
/** A plugin's answer may be anything, a page with a script too: it must not act as a page of ours. */
const headersOfData = {
  ...headersOfAll,
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
};
/** The page brings its own policy in a meta element, with the hashes of its scripts; this one a meta cannot set. */
const headersOfPages = {
  ...headersOfAll,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'content-security-policy': "frame-ancestors 'none'",
};

/** Refuses what is not addressed to this gateway or comes from another site's page, and sets the headers of safety. */
export const guard = fp<GuardOptions>(
  async (app, { host, port }) => {
    let hosts = ownHosts(host, port);
    app.addHook('onListen', async () => {
      hosts = ownHosts(host, (app.server.address() as AddressInfo).port);
    });
    app.addHook('onRequest', (request, reply, done) => {
      reply.headers(isData(request.url) ? headersOfData : headersOfPages);
      const { host: given, origin } = request.headers;
      const why = refusal(hosts, given, origin);
      if (why === undefined) done();
      else done(new BkgError('FORBIDDEN', why));
    });
  },
  { name: 'guard' },
);

/** Everything that is not the dashboard's own files. */
export function isData(url: string): boolean {
  return /^\/(?:api|ws|livez|readyz)(?:[/?]|$)/.test(url);
}
