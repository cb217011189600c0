import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { needs, routeAccess } from '../src/access/route-access.ts';

describe('a route', () => {
  it('that does not say whom it lets in keeps the gateway from starting', async () => {
    await using app = fastify();
    await app.register(routeAccess);
    app.get('/told', { config: { access: 'open' } }, async () => '');
    app.get('/needs/:id', { config: { access: needs('read') } }, async () => '');
    await app.register(async (inner) => {
      inner.post('/forgotten', async () => '');
    });
    await expect(app.ready()).rejects.toThrow(
      'These routes do not say who may use them, with config: {access}: POST /forgotten.',
    );
  });

  it('may say it anywhere before the start', async () => {
    await using app = fastify();
    await app.register(routeAccess);
    app.get('/told', { config: { access: 'signed in' } }, async () => '');
    await app.ready();
  });
});
