import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccountSeed } from '../../src/access/index.ts';
import { readCredentials } from '../../src/credentials.ts';
import { createLogger } from '../../src/logger.ts';
import { createCertificates, eventually, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { AccessMesh } from './access-mesh.ts';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'bkg-access-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('credentials', () => {
  const read = (given: object): unknown => {
    const file = path.join(folder, 'credentials.json');
    writeFileSync(file, JSON.stringify({ user: 'me', password: 'sesame', ...given }));
    return readCredentials(file);
  };

  it('may say more than a user and a password, and nothing that is not known comes with it', () => {
    const more = {
      core_inbox: '_CORE.gateway',
      callout: { issuer_seed: createAccountSeed() },
      system: { user: 'sys', password: 'open' },
    };
    expect(read({ ...more, other: 1 })).toEqual({ user: 'me', password: 'sesame', ...more });
    expect(read({})).toEqual({ user: 'me', password: 'sesame' });
    expect(read({ ca_file: 'ca.pem' })).toMatchObject({ ca_file: path.join(folder, 'ca.pem') });
    expect(read({ ca_file: '/etc/ca.pem' })).toMatchObject({ ca_file: '/etc/ca.pem' });
  });

  it('are refused with what is wrong with a member, which is not repeated', () => {
    const wrong: object[] = [
      ...['sesame', '_CORE', '_CORE.', '_CORE.>', '_CORE.a b', '_INBOX.a', 1].map((core_inbox) => ({
        core_inbox,
      })),
      ...['', 1, null].map((ca_file) => ({ ca_file })),
      ...['sesame', {}, { issuer_seed: 'sesame' }, null].map((callout) => ({ callout })),
      ...['sesame', {}, { user: 'sesame' }, { user: '', password: 'sesame' }].map((system) => ({ system })),
    ];
    for (const given of wrong) {
      const [member = ''] = Object.keys(given);
      expect(() => read(given)).toThrow(`has a wrong "${member}"`);
      expect(() => read(given)).not.toThrow('sesame');
    }
  });
});

describe('the replies to a connection', () => {
  it('arrive below the prefix of its key, and what JetStream answers below an inbox of its own', async () => {
    await using mesh = await AccessMesh.start();
    const key = mesh.key(['invoke:echo']);
    const client = await mesh.connectKey(key);
    const asked: string[] = [];
    mesh.supervisor.subscribe('plugin.echo.invoke', {
      callback: (_, msg) => {
        asked.push(msg.reply ?? '');
        mesh.supervisor.respond(msg, 'yes');
      },
    });
    await mesh.supervisor.flush();
    expect((await client.request('plugin.echo.invoke', '', { timeoutMs: 1_000 })).string()).toBe('yes');
    expect((await client.nats.request('plugin.echo.invoke', '', { timeout: 1_000 })).string()).toBe('yes');
    expect(asked[0]).toMatch(new RegExp(`^_INBOX\\.${key.prefix}\\.client\\.[\\w-]{22}\\.[\\w-]{22}\\d+$`));
    expect(asked[1]).toMatch(new RegExp(`^_INBOX\\.${key.prefix}\\.client\\.`));

    const { gatewayCredentials: credentials } = mesh.server;
    const gateways = await Promise.all([1, 2].map(() => mesh.server.connect('gateway', { credentials })));
    asked.length = 0;
    // Nobody of us answers there: it is JetStream that does.
    for (const { nats } of gateways)
      await expect(nats.request('plugin.echo.invoke', '', { timeout: 100 })).rejects.toThrow(/timeout/i);
    const cores = asked.map((reply) => reply.split('.').slice(0, 3).join('.'));
    for (const core of cores) expect(core).toMatch(/^_CORE\.gateway\.[0-9a-f]{32}$/);
    expect(new Set(cores).size).toBe(2);
    const [gateway] = gateways;
    await gateway?.request('plugin.echo.invoke', '', { timeoutMs: 1_000 });
    expect(asked[2]).toMatch(/^_INBOX\.gateway\./);
  });

  it('that cannot come, because the broker does not let the request through, are not waited for', async () => {
    await using mesh = await AccessMesh.start();
    const client = await mesh.connectKey(mesh.key(['invoke:echo:text.say']));
    mesh.supervisor.subscribe('plugin.echo.>', { callback: () => undefined });
    await mesh.supervisor.flush();
    const allowed = client.request('plugin.echo.invoke.text.say', '', { timeoutMs: 300 });
    const startedAt = performance.now();
    const refused = client.request('plugin.echo.invoke.text.shout', '', { timeoutMs: 60_000 });
    await expect(refused).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('does not let us publish plugin.echo.invoke.text.shout'),
    });
    await expect(client.requestMany('bkg.registry.list', '', { forMs: 60_000 })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await expect(allowed).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('are sent to an inbox and nowhere else, whatever a request names', async () => {
    await using server = await startNatsServer();
    const lines: string[] = [];
    const log = createLogger({}, { level: 'warn', destination: { write: (line) => void lines.push(line) } });
    const [answerer, asker] = [await server.connect('answerer', { log }), await server.connect('asker')];
    const sent: boolean[] = [];
    answerer.subscribe('ask', { callback: (_, msg) => void sent.push(answerer.respond(msg, 'x')) });
    const heard: string[] = [];
    asker.nats.subscribe('>', { callback: (_, msg) => void heard.push(msg.subject) });
    await answerer.flush();
    for (const reply of [
      '_CORE.gateway.1',
      '$JS.API.STREAM.DELETE.KV_a',
      '_INBOX',
      'plugin.a.invoke',
      '_INBOX.a.1',
    ])
      asker.nats.publish('ask', '', { reply });
    await eventually(() => heard.includes('_INBOX.a.1'));
    expect(heard.filter((subject) => subject !== 'ask')).toEqual(['_INBOX.a.1']);
    expect(sent).toEqual([false, false, false, false, true]);
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain('"reply":"_CORE.gateway.1"');
  });
});

describe('a broker that speaks TLS', () => {
  /** @param names those in the certificate */
  const start = (names: string[]): Promise<{ server: TestServer; ca: string }> => {
    const { cert, key, ca } = createCertificates(mkdtempSync(path.join(folder, 'tls-')), names);
    const config = `tls { cert_file: "${cert}", key_file: "${key}" }`;
    return startNatsServer({ config }).then((server) => ({ server, ca }));
  };
  /** @returns 'connected', or why not */
  const attempt = async (server: TestServer, url: string, ca?: string): Promise<string> => {
    const lines: string[] = [];
    const log = createLogger({}, { level: 'warn', destination: { write: (line) => void lines.push(line) } });
    try {
      const { user, password } = server.credentials;
      const credentials = { user, password, ...(ca && { ca_file: ca }) };
      const signal = AbortSignal.timeout(3_500);
      const one = await server.connect('client', { servers: [url], credentials, log, signal });
      return (await one.flush()) ? 'connected' : 'not flushed';
    } catch {
      return lines.join();
    }
  };

  it('is spoken to when its certificate names the address and comes from who is trusted', async () => {
    const { server, ca } = await start(['IP:127.0.0.1']);
    await using _ = server;
    const url = `tls://127.0.0.1:${server.port}`;
    const said = await Promise.all([
      attempt(server, url, ca),
      attempt(server, url.replace('tls:', 'nats:'), ca),
      attempt(server, url.replace('127.0.0.1', 'localhost'), ca),
      attempt(server, url),
      attempt(server, url, path.join(folder, 'nowhere.pem')),
    ]);
    expect(said.slice(0, 2)).toEqual(['connected', 'connected']);
    expect(said[2]).toMatch(/does not match certificate|altnames/i);
    expect(said[3]).toMatch(/self-signed certificate|unable to (get|verify)/i);
    expect(said[4]).toMatch(/nowhere\.pem doesn't exist/);
  });

  it('is spoken to by its name, and not when the certificate is for another', async () => {
    const { server, ca } = await start(['DNS:localhost']);
    await using _ = server;
    const said = await Promise.all([
      attempt(server, `tls://localhost:${server.port}`, ca),
      attempt(server, `tls://127.0.0.1:${server.port}`, ca),
    ]);
    expect(said[0]).toBe('connected');
    expect(said[1]).toMatch(/altnames/i);
  });

  it('that does not, is told no password by who asks for TLS', async () => {
    let told = '';
    const server = createServer((socket) => {
      socket.write(
        'INFO {"server_id":"x","version":"2.10.0","max_payload":1000,"proto":1,"headers":true}\r\n',
      );
      socket.on('data', (chunk) => (told += chunk.toString())).on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await eventually(() => server.listening);
    const { port } = server.address() as AddressInfo;
    await using nats = await startNatsServer();
    expect(await attempt(nats, `tls://127.0.0.1:${port}`)).toContain("server does not support 'tls'");
    server.close();
    expect(told).toBe('');
  });
});
