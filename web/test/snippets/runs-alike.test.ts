import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { PluginCapability } from '@bkg/sdk/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { snippetRequest } from '../../src/lib/snippets/snippet-request.ts';
import { snippetLanguages, snippetOf, type SnippetLanguage } from '../../src/lib/snippets/snippets.ts';
import { readEvents } from '../../src/lib/stream/event-stream.ts';
import { startMesh, type Mesh } from '../browser/mesh.ts';

const web = fileURLToPath(new URL('../..', import.meta.url));
const standIn = fileURLToPath(new URL('nats-stand-in.ts', import.meta.url));
const isThere = (program: string) => spawnSync(program, ['--version']).status === 0;
const programs: Record<SnippetLanguage, boolean> = {
  curl: isThere('curl') && isThere('bash'),
  nats: isThere('bash'),
  TypeScript: true,
  Python: isThere('python3'),
};

/** Everything that a shell, a template or a language could take for something of its own. */
const hard = `{
  "quotes": "it's \\"so\\" \\\\ and '''three''' \\u0027",
  "shell": "$HOME \`id\` $(id) !! * ~ # ; & | %s \${x:-y}",
  "template": "{{Count}} {{ID}}",
  "unicode": "äöü 🦜 \\u2028 \u2028 \\ud83e\\udd9c",
  "number": 12345678901234567890.10,
  "__proto__": [1.0, 1e400, -0],
  "end": "END_OF_JSON\\nEND_OF_JSON"
}`;
const payloads = {
  hard,
  'a negative number': '-1',
  'a text': '"it\'s"',
  long: `{"text": "${"it's ".repeat(30_000)}"}`,
};

describe('an invocation that is copied', { timeout: 60_000 }, () => {
  let mesh: Mesh;
  let folder: string;
  let capabilities: Map<string, PluginCapability>;

  beforeAll(async () => {
    mesh = await startMesh({ auth: true });
    await mesh.act('media', 'start');
    const { capabilities: all } = await mesh.read('media');
    capabilities = new Map(all.map((one) => [one.id, one]));
    folder = await mkdtemp(join(tmpdir(), 'bkg-snippets-'));
    await symlink(mesh.home, join(folder, '.bkg'));
    await symlink(join(web, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  }, 120_000);

  afterAll(async () => {
    await mesh?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const cases = snippetLanguages.flatMap((language) =>
    Object.keys(payloads).map((name) => ({ language, name })),
  );
  it.for(cases)('as $language gives the same output: $name', async ({ language, name }, { skip }) => {
    if (!programs[language]) skip();
    const payload = payloads[name as keyof typeof payloads];
    const printed = await run(language, 'echo', { payload });
    expect(printed.toString().trim()).toBe((await played('echo', payload)).toString());
  });

  it.for(snippetLanguages)('as %s gives the same chunks', async (language, { skip }) => {
    if (!programs[language]) skip();
    const payload = '{"count": 40, "pause_ms": 0}';
    const printed = await run(language, 'words', { payload });
    const isEvents = language === 'curl' || language === 'Python';
    const lines = isEvents ? await dataOf(printed) : printed.toString().trim().split('\n');
    const expected = await dataOf(await played('words', payload, { accept: 'text/event-stream' }));
    expect(expected).toHaveLength(41);
    expect(lines).toEqual(expected);
  });

  it.for(snippetLanguages)('as %s sends a file and writes one', async (language, { skip }) => {
    if (!programs[language]) skip();
    const name = 'it\'s a "picture" [1-3] {a,b} $HOME.png';
    const picture = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256));
    picture.write('{{Count}}');
    await writeFile(join(folder, name), picture);
    await run(language, 'picture', { file: { name, type: 'image/png' } });
    // Of a range of types nobody knows the ending.
    expect((await readFile(join(folder, 'answer.bin'))).equals(picture)).toBe(true);
    await rm(join(folder, 'answer.bin'));
  });

  it.for(['curl', 'TypeScript', 'Python'] as const)(
    'as %s writes a body that comes in pieces',
    async (language, { skip }) => {
      if (!programs[language]) skip();
      await run(language, 'file', { payload: '{"kib": 900}' });
      expect((await readFile(join(folder, 'answer.bin'))).length).toBe(900 * 1024);
      await rm(join(folder, 'answer.bin'));
    },
  );

  it.for(snippetLanguages)(
    'as %s says why it failed, ends so, and leaves an older answer as it was',
    async (language, { skip }) => {
      if (!programs[language]) skip();
      const file = join(folder, 'answer.wav');
      await writeFile(file, 'good');
      await expect(run(language, 'tone', { payload: '{"hertz": 1}' })).rejects.toThrow('INVALID_PAYLOAD');
      expect(await readFile(file, 'utf8')).toBe('good');
      await expect(access(`${file}.part`)).rejects.toThrow('ENOENT');
      await rm(file);
    },
  );

  const lengths = (['curl', 'nats'] as const).flatMap((language) => [
    { language, length: 3 },
    { language, length: 150_000 },
  ]);
  it.for(lengths)(
    'as $language writes the answer to JSON of $length characters',
    async ({ language, length }, { skip }) => {
      if (!programs[language]) skip();
      const more = "it's ".repeat(length / 5);
      await run(language, 'tone', { payload: JSON.stringify({ hertz: 440, more }) });
      const file = join(folder, 'answer.wav');
      expect((await readFile(file)).toString('latin1', 0, 4)).toBe('RIFF');
      await rm(file);
    },
  );

  it('as curl leaves an older answer as it was when the new one ends in the middle', async ({ skip }) => {
    if (!programs.curl) skip();
    const server = createServer((request, answer) => {
      answer.writeHead(200, { 'content-length': 100_000 });
      answer.write(Buffer.alloc(50_000), () => request.socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const file = join(folder, 'answer.wav');
    await writeFile(file, 'good');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(run('curl', 'tone', { payload: '{}', baseUrl })).rejects.toThrow('curl: (18)');
    expect(await readFile(file, 'utf8')).toBe('good');
    await expect(access(`${file}.part`)).rejects.toThrow('ENOENT');
    await rm(file);
    server.close();
  });

  /** What the playground gets. */
  async function played(
    capability: string,
    payload: string,
    headers: Record<string, string> = {},
  ): Promise<Buffer> {
    const answer = await fetch(`${mesh.url}/api/plugins/media/invoke/${capability}`, {
      method: 'POST',
      body: payload,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${mesh.key}`, ...headers },
    });
    return Buffer.from(await answer.arrayBuffer());
  }

  /** Runs the text as somebody does who has pasted it. @returns what it prints */
  async function run(
    language: SnippetLanguage,
    id: string,
    {
      payload = '',
      file,
      baseUrl = mesh.url,
    }: { payload?: string; file?: { name: string; type: string }; baseUrl?: string },
  ): Promise<Buffer> {
    const capability = capabilities.get(id);
    if (!capability) throw new Error(`media has no ${id}`);
    const request = snippetRequest(capability, {
      baseUrl,
      plugin: 'media',
      timeoutSecs: 20,
      payload,
      file,
      streams: true,
    });
    const snippet = snippetOf(language, request);
    if (!('text' in snippet)) throw new Error(snippet.whyNot);
    expect(snippet.text).not.toContain(mesh.key);
    const script = join(folder, { curl: 'a.sh', nats: 'a.sh', TypeScript: 'a.ts', Python: 'a.py' }[language]);
    const before = language === 'nats' ? `nats() { ${process.execPath} ${standIn} "$@"; }\n` : '';
    await writeFile(script, before + snippet.text);
    const [program, ...args] = {
      curl: ['bash', '-u', script],
      nats: ['bash', '-u', script],
      TypeScript: [process.execPath, script],
      Python: ['python3', '-B', script],
    }[language] as [string, ...string[]];
    const { BKG_API_KEY: _, ...env } = process.env;
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...env, NATS_URL: mesh.busUrl },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 40_000,
    });
    const [out, said, code] = await Promise.all([
      buffer(child.stdout),
      buffer(child.stderr),
      new Promise((resolve) => child.once('exit', resolve)),
    ]);
    if (code !== 0)
      throw new Error(`${program} ended with ${String(code)}: ${said.toString()}${out.toString()}`);
    return out;
  }
});

/** The data of all events, in their order. */
async function dataOf(events: Buffer): Promise<string[]> {
  const found: string[] = [];
  for await (const { data } of readEvents(new Blob([Uint8Array.from(events)]).stream())) found.push(data);
  return found;
}
