import fp from 'fastify-plugin';
import { problemOfCode } from '@bkg/sdk';
import { isData } from './guard.ts';
import { sendProblem } from './problems.ts';
import { shownPath } from './shown-path.ts';

interface Route {
  pattern: RegExp;
  methods: string[];
}

/** What no route takes: a page of the dashboard, or a problem that says what could be meant. */
export const notFound = fp(
  async (app) => {
    const routes: Route[] = [];
    app.addHook('onRoute', ({ url, method }) => {
      if (isData(url)) routes.push({ pattern: patternOf(url), methods: [method].flat() });
    });
    app.setNotFoundHandler((request, reply) => {
      if (app.sendPage(request, reply)) return reply;
      const path = request.url.split('?', 1)[0] ?? '';
      const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
      const allowed = [...new Set(methods)].join(', ');
      if (allowed) reply.header('allow', allowed);
      const hint = allowed ? `; there is ${allowed}.` : '.';
      const detail = `There is no ${request.method} ${shownPath(path)} here${hint}`;
      return sendProblem(reply, problemOfCode('CAPABILITY_NOT_FOUND', detail));
    });
  },
  { name: 'not-found', dependencies: ['dashboard'] },
);

/** `/api/plugins/:id` as what it matches. */
function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:[^/]+/g, '[^/]+')}$`);
}
