import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKey } from '../src/access/key.ts';
import { findTarget } from '../src/conformance/target.ts';
import { UploadSending } from '../src/conformance/upload-sending.ts';
import type { Credentials } from '../src/credentials.ts';
import { parseJson } from '../src/json.ts';
import { problemOfMsg } from '../src/problem.ts';
import type { Problem } from '../src/protocol/errors.ts';
import { instancePermissions, keyPermissions } from '../src/protocol/permissions.ts';
import type { Permissions } from '../src/protocol/permissions.ts';
import { parseScope } from '../src/protocol/scopes.ts';
import { subjects } from '../src/protocol/subjects.ts';
import { eventually, startNatsServer } from '../src/testing.ts';
import type { TestServer } from '../src/testing.ts';
import { examplesFolder, isThere, PluginProcess } from './conformance/plugin-process.ts';

const examples = [
  { language: 'javascript', isPossible: true },
  { language: 'python', isPossible: isThere('python3', '--version') },
];

describe.each(examples)('the example in $language', ({ language, isPossible }) => {
  const folder = path.join(examplesFolder, language);
  const plugin = `hello-${language}`;

  it.skipIf(!isPossible)('refuses what is not UTF-8, or begins with a byte order mark', async () => {
    await using server = await startNatsServer({ jetstream: false });
    const caller = await server.connect('caller');
    await using process = new PluginProcess(folder, server);
    const greet = (body: string | Uint8Array) =>
      caller.request(subjects.invokeCapability(process.id, 'greet'), body, { timeoutMs: 5_000 });
    await eventually(() => greet('{"name":"Ada"}'), { withinMs: 30_000 });
    for (const wrong of [Buffer.from('{"name":"Zoë"}', 'latin1'), '\uFEFF{"name":"Ada"}'])
      expect(problemOfMsg(await greet(wrong))).toMatchObject({ code: 'INVALID_PAYLOAD', status: 400 });
    expect((await greet('{"name":"Zoë"}')).json()).toEqual({ greeting: 'Hello, Zoë!' });
  });

  it.skipIf(!isPossible)(
    'tells what is wrong in a message that the broker takes, however long that is',
    async () => {
      await using server = await startNatsServer({ jetstream: false });
      const caller = await server.connect('caller');
      await using process = new PluginProcess(folder, server);
      const greet = (payload: object) =>
        caller.request(subjects.invokeCapability(process.id, 'greet'), JSON.stringify(payload), {
          timeoutMs: 5_000,
        });
      await eventually(() => greet({ name: 'Ada' }), { withinMs: 30_000 });
      const refused = await greet({ name: 'Ada', ['"'.repeat(520_000)]: 1 });
      const { code, detail, errors = [] } = refused.json<Problem>();
      expect(code).toBe('INVALID_PAYLOAD');
      expect([detail, ...errors.map(({ message }) => message)].map(({ length }) => length)).toEqual([
        16_384, 512,
      ]);
      expect((await greet({ name: 'Ada' })).json()).toEqual({ greeting: 'Hello, Ada!' });
    },
  );

  const key = createKey();
  const identities = [
    {
      name: 'an instance that the supervisor has launched',
      instance: 'i1',
      credentials: { user: `${plugin}.i1`, password: 'token' },
      permissions: instancePermissions({ plugin, instance: 'i1', needs: [] }),
    },
    {
      name: 'a key that may serve it',
      instance: undefined,
      credentials: { user: key.prefix, password: key.text },
      permissions: keyPermissions({ prefix: key.prefix, scopes: [parseScope(`serve:${plugin}`)] }),
    },
  ];

  it.skipIf(!isPossible).for(identities)('needs no more than the broker lets $name do', async (identity) => {
    await using narrow = await startNarrowServer(identity);
    const caller = await narrow.server.connect('caller');
    const statuses: unknown[] = [];
    caller.subscribe(subjects.events('status', plugin), {
      callback: (_error, msg) => void statuses.push(msg.json<{ status: string }>().status),
    });
    await using process = new PluginProcess(
      folder,
      { url: narrow.server.url, credentialsFile: narrow.credentialsFile },
      identity.instance,
    );
    const ask = async (subject: string, body = ''): Promise<unknown> =>
      (await caller.request(subject, body, { timeoutMs: 5_000 })).json();
    const greet = subjects.invokeCapability(plugin, 'greet');
    expect(await eventually(() => ask(greet, '{"name":"Ada"}'), { withinMs: 30_000 })).toEqual({
      greeting: 'Hello, Ada!',
    });
    const { id: instance } = (await ask(subjects.service('PING', plugin))) as { id: string };
    expect(await ask(subjects.service('STATS', plugin, instance))).toMatchObject({ name: plugin });
    expect(await ask(subjects.status(plugin))).toMatchObject({ status: 'running' });
    expect(await ask(subjects.telemetry(plugin))).toMatchObject({ plugin_id: plugin });
    expect(await ask(subjects.inflight(plugin), '{"invocation_ids":[]}')).toMatchObject({ instance });
    const stream = caller.requestStream(subjects.invokeCapability(plugin, 'count'), '{"to":9}', {
      plugin,
      timeoutMs: 5_000,
      window: 2,
    });
    expect(await Array.fromAsync(stream, ({ data }) => parseJson(data))).toHaveLength(9);
    expect((await stream.last).json()).toEqual({ counted: 9 });
    const sending = new UploadSending({
      connection: caller,
      target: await findTarget({ connection: caller, pluginId: plugin }),
      subject: subjects.invokeCapability(plugin, 'digest'),
      headers: { 'Bkg-Upload': '100000', 'Content-Type': 'text/plain' },
      body: Buffer.alloc(100_000),
    });
    await sending.send('empty', 5_000);
    await sending.exchange.answered(5_000);
    sending.close();
    expect(sending.exchange.answers[0]?.json).toMatchObject({ bytes: 100_000 });
    expect(await ask(subjects.drain(plugin, instance))).toEqual({ ok: true });
    expect(await process.ended).toBe(0);
    expect(statuses).toEqual(['starting', 'running', 'stopping', 'stopped']);
    // Its own words about every refusal of the broker.
    expect(process.output).not.toContain('complains');
  });
});

/** Prints the places of files that only a newer Python than 3.8 can load. */
const tooNew = `
import ast, pathlib, sys
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 8))):
        for annotation in filter(None, (getattr(node, "annotation", None), getattr(node, "returns", None))):
            for part in ast.walk(annotation):
                builtin = isinstance(part, ast.Subscript) and getattr(part.value, "id", "").islower()
                if builtin or isinstance(part, ast.BinOp):
                    print(f"{file.name}:{part.lineno}: {ast.unparse(annotation)}")
`;

it.skipIf(!isThere('python3', '--version')).each(['python', 'clients'])(
  'the example in %s is for Python 3.8, as it says',
  (name) => {
    const args = ['-c', tooNew, path.join(examplesFolder, name)];
    const { stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  },
);

/** A broker that lets its test do everything, and one other client what it is given. */
async function startNarrowServer(client: {
  credentials: Credentials;
  permissions: Permissions;
}): Promise<{ server: TestServer; credentialsFile: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bkg-example-'));
  const credentialsFile = path.join(folder, 'credentials.json');
  await writeFile(credentialsFile, JSON.stringify(client.credentials));
  const password = 'of the test';
  const users = [
    { user: 'test', password },
    { ...client.credentials, permissions: client.permissions },
  ];
  // What comes later in its file counts.
  const server = await startNatsServer({
    jetstream: false,
    config: `authorization: ${JSON.stringify({ users }, undefined, 1)}`,
  });
  Object.assign(server.credentials, { user: 'test', password });
  return {
    server,
    credentialsFile,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
