import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { ownHosts, refusal } from './own-address.ts';
import { shownPath } from './shown-path.ts';

export interface GuardOptions {
  host: string;
  /** Before it listens, for requests that are injected. */
  port: number;
  publicUrl?: URL;
}

const headersOfAll = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};
/** Of what a browser can do the dashboard needs nothing but to copy a text. No script runs of what is data. */
const permissions = {
  'permissions-policy':
    'accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), ' +
    'geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), ' +
    'clipboard-write=(self)',
};
/** A plugin's answer may be anything, a page with a script too: it must not act as a page of ours. */
export const headersOfData = {
  ...headersOfAll,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
};
/** The page itself gets another policy, with the hashes of its scripts: see dashboard.ts. */
const headersOfFiles = {
  ...headersOfAll,
  ...permissions,
  'referrer-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};
/** Two years: a browser that was here once by TLS never comes without it. */
const strictTransport = { 'strict-transport-security': 'max-age=63072000' };

const headersMost = 100;
/** Of those two could be meant for two readers: a proxy decides by one, we by the other. */
const single = ['host', 'origin', 'authorization', 'content-type', 'sec-fetch-site'];

/** As Node finds it. */
const continuation = /(?:^|\W)100-continue(?:$|\W)/i;

/** Refuses what is not addressed to this gateway or comes from another site's page, and sets the headers of safety. */
export const guard = fp<GuardOptions>(
  async (app, { host, port, publicUrl }) => {
    let hosts = ownHosts(host, port, publicUrl);
    const transport = publicUrl?.protocol === 'https:' ? strictTransport : {};
    const ofData = { ...headersOfData, ...transport };
    const ofFiles = { ...headersOfFiles, ...transport };
    app.addHook('onListen', async () => {
      hosts = ownHosts(host, (app.server.address() as AddressInfo).port, publicUrl);
    });
    app.addHook('onRequest', (request, reply, done) => {
      // A route is found by an address that is decoded: /%61pi is /api.
      const areData = isData(request.url) || isData(request.routeOptions.url ?? '');
      reply.headers(areData ? ofData : ofFiles);
      const { host: given, origin } = request.headers;
      const why = refusal(hosts, given, origin, publicUrl);
      if (why !== undefined) return done(new BkgError('FORBIDDEN', why));
      const wrong = targetProblem(request.url) ?? headersProblem(request.raw);
      if (wrong === undefined) done();
      else done(new BkgError('INVALID_PAYLOAD', wrong));
    });
  },
  { name: 'guard' },
);

/** Everything that is not the dashboard's own files. */
export function isData(url: string): boolean {
  return /^\/(?:api|ws|livez|readyz)(?:[/?]|$)/.test(url);
}

/** A whole address is for proxies: the name in it would be another than that in Host, which was looked at. */
function targetProblem(target: string): string | undefined {
  if (target.startsWith('/')) return undefined;
  return `The request asks for ${shownPath(target)}; ask for a path, as in GET /livez.`;
}

/** What is wrong with the headers as a whole, as a sentence; undefined when nothing is. */
function headersProblem({ rawHeaders, headers }: IncomingMessage): string | undefined {
  const count = rawHeaders.length / 2;
  if (count > headersMost) return `The request has ${count} headers; at most ${headersMost} are taken.`;
  if (headers.expect !== undefined && !continuation.test(headers.expect))
    return `The Expect header is "${headers.expect.slice(0, 200)}"; it takes 100-continue, or is left out.`;
  // Node keeps one of several: only then there is something to look for.
  if (Object.keys(headers).length === count) return undefined;
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const twice = single.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  return twice === undefined
    ? undefined
    : `The request has the header ${twice} more than once; send it once.`;
}
