import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import statics from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { isData } from './http/guard.ts';
// For what it adds to Fastify's types.
import type {} from './access/route-access.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers with the dashboard's page, when the request is one of a browser for a page. @returns whether it did */
    sendPage: (request: FastifyRequest, reply: FastifyReply) => boolean;
  }
}

/** The page that the build makes for every address; the routes are in its script. */
const page = '200.html';
const immutable = 'public, max-age=31536000, immutable';

/** Serves the dashboard's build: files that carry their hash in their name for ever, all others after asking. */
export const dashboard = fp<{ folder: string }>(
  async (app, { folder }) => {
    // The routes of the library take no configuration of their own.
    app.addHook('onRoute', (route) => {
      if (route.url === '/*') route.config = { ...route.config, access: 'open' };
    });
    await app.register(statics, {
      root: folder,
      // A build may be made while the gateway runs; until then the page says how.
      suppressWarning: true,
      dotfiles: 'ignore',
      cacheControl: false,
      allowedPath: (pathname) => !isData(pathname),
      setHeaders: (reply, file) => {
        const isHashed = file.startsWith(path.join(folder, '_app', 'immutable') + path.sep);
        reply.header('cache-control', isHashed ? immutable : 'no-cache');
        if (file.endsWith('.html')) reply.header('content-security-policy', policyOf(file));
      },
    });
    app.decorate('sendPage', (request: FastifyRequest, reply: FastifyReply) => {
      if (!wantsPage(request)) return false;
      if (existsSync(path.join(folder, page))) void reply.sendFile(page);
      else sendNotBuilt(reply);
      return true;
    });
  },
  { name: 'dashboard' },
);

const policies = new Map<string, { mtimeMs: number; policy: string }>();

/**
 * The policy that the build has written into a page, with the hashes of its scripts, for the header: there it holds for
 * everything from the first byte on, and can forbid frames, which it cannot in the page.
 */
function policyOf(file: string): string {
  const { mtimeMs } = statSync(file);
  const known = policies.get(file);
  if (known?.mtimeMs === mtimeMs) return known.policy;
  const [, written] =
    /<meta http-equiv="content-security-policy" content="([^"]*)"/i.exec(readFileSync(file, 'utf8')) ?? [];
  const policy = `${written ?? "default-src 'none'"}; frame-ancestors 'none'`;
  policies.set(file, { mtimeMs, policy });
  return policy;
}

/** A browser that opens an address; whoever asks for a file or for data gets a plain 404. */
function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (isData(url) || url.startsWith('/_app/')) return false;
  return /^\/(?:\?|$)/.test(url) || (headers.accept?.includes('text/html') ?? false);
}

function sendNotBuilt(reply: FastifyReply): void {
  void reply
    .code(503)
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(
      '<!doctype html><html lang="en"><title>bkg</title><h1>The dashboard is not built</h1>' +
        "<p>Run <code>npm start</code> in the project's folder, which builds it, or <code>pnpm build</code>, " +
        'and load this page again. The API under <a href="/api/plugins">/api/plugins</a> works without it.</p></html>',
    );
}
