import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { projectFolder } from '../src/project.ts';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

/** Each block of code of the guide in the README of the SDK runs as it stands there, in a real mesh. */
const sdk = path.join(projectFolder, 'plugins/sdk');
const guide = readFileSync(path.join(sdk, 'README.md'), 'utf8');

/** Watched by the mesh, below the project's root so that packages resolve. */
let plugins: string;
/** Not watched: folders are made here. */
let workshop: string;
let home: TestHome;

beforeAll(async () => {
  mkdirSync(path.join(projectFolder, '.bkg'), { recursive: true });
  plugins = mkdtempSync(path.join(projectFolder, '.bkg/test-guide-'));
  workshop = mkdtempSync(path.join(projectFolder, '.bkg/test-guide-'));
  home = await testHome();
  await home.runningMesh({ BKG_PLUGINS_PATH: plugins, BKG_NO_AUTH: '' });
}, 60_000);
afterAll(async () => {
  await home[Symbol.asyncDispose]();
  for (const folder of [plugins, workshop]) rmSync(folder, { recursive: true, force: true });
});

/** The first block in this language below the heading. */
function block(heading: string, language: string): string {
  const start = guide.indexOf(`\n${heading}`);
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(guide.slice(start))?.[1];
  if (start < 0 || found === undefined) throw new Error(`the guide has no ${language} below "${heading}"`);
  return found;
}

/** Another id than the one of the guide, in texts, addresses and subjects; variables keep their name. */
function renamed(code: string, id: string): string {
  return code.replaceAll(/(?<=['"/.]|invoke )greeter(?=['"/. ])/g, id);
}

interface Recipe {
  heading: string;
  language: string;
  /** Where the block goes. */
  file: string;
  command: string[];
  /** Of `examples/`, whose other files it needs. */
  beside?: string;
  build?: string[];
}

const tsc = path.join(projectFolder, 'node_modules/typescript/bin/tsc');
const recipes: Record<string, Recipe> = {
  typescript: { heading: '### TypeScript', language: 'ts', file: 'main.ts', command: ['node', 'main.ts'] },
  nest: {
    heading: '### NestJS',
    language: 'ts',
    file: 'src/main.ts',
    command: ['node', 'dist/main.js'],
    beside: 'nest',
    build: [process.execPath, tsc, '-p', '.'],
  },
  javascript: {
    heading: '### JavaScript, without the SDK',
    language: 'js',
    file: 'main.mjs',
    command: ['node', 'main.mjs'],
    beside: 'javascript',
  },
  python: {
    heading: '### Python',
    language: 'python',
    file: 'main.py',
    command: ['python3', '-B', 'main.py'],
    beside: 'python',
  },
  go: {
    heading: '### Go',
    language: 'go',
    file: 'main.go',
    command: ['./hello-go'],
    beside: 'go',
    build: ['go', 'build'],
  },
};
const has = (program: string, argument = '--version'): boolean => spawnSync(program, [argument]).status === 0;
const missing = {
  python: has('python3') ? undefined : 'no python3 on the PATH',
  go: has('go', 'version') ? undefined : 'no go on the PATH',
} as Record<string, string | undefined>;

/** Makes the folder of a plugin from its block, and drops it where the mesh looks. */
function drop(id: string, { heading, language, file, command, beside, build }: Recipe): void {
  const folder = path.join(workshop, id);
  if (beside) cpSync(path.join(sdk, 'examples', beside), folder, { recursive: true, filter: isSource });
  // The other sources of the Nest example are a second plugin.
  if (beside === 'nest') rmSync(path.join(folder, 'src'), { recursive: true });
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), renamed(block(heading, language), id));
  writeFileSync(
    path.join(folder, 'plugin.json'),
    JSON.stringify({ id, version: '1.0.0', command, autostart: true }),
  );
  const [program = '', ...args] = build ?? [];
  if (build) {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  }
  renameSync(folder, path.join(plugins, id));
}

const isSource = (file: string): boolean =>
  !['dist', 'node_modules', '__pycache__', '.bkg'].includes(path.basename(file));

const apiKey = (): string => home.read('admin.key').trim();
const headers = () => ({ authorization: `Bearer ${apiKey()}`, 'content-type': 'application/json' });

function greet(id: string, name = 'Ada'): Promise<Response> {
  return fetch(`http://127.0.0.1:${home.port}/api/plugins/${id}/invoke/greet`, {
    method: 'POST',
    headers: headers(),
    body: JSON.stringify({ name }),
  });
}

// At once: each waits most of the time.
describe.concurrent('a plugin of the guide', () => {
  for (const [name, recipe] of Object.entries(recipes)) {
    it(`in ${name} is found, runs and answers`, { timeout: 90_000 }, async (context) => {
      const why = missing[name];
      if (why) return context.skip(why);
      const id = `guide-${name}`;
      drop(id, recipe);
      const reply = await eventually(
        async () => {
          const response = await greet(id);
          return response.ok && (await response.json());
        },
        { withinMs: 60_000, everyMs: 100 },
      );
      expect(reply).toEqual({ text: 'Hello, Ada!' });
      const refused = await fetch(`http://127.0.0.1:${home.port}/api/plugins/${id}/invoke/greet`, {
        method: 'POST',
        headers: headers(),
        body: '{}',
      });
      expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'INVALID_PAYLOAD' }]);
    });
  }
});

describe('a client of the guide', () => {
  const id = 'guide-client';
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(workshop, 'clients-'));
    cpSync(path.join(sdk, 'examples/python/nats.py'), path.join(folder, 'nats.py'));
    drop(id, recipes['typescript'] as Recipe);
    await eventually(async () => (await greet(id)).ok, { withinMs: 30_000, everyMs: 100 });
  }, 60_000);

  /** The block with this mesh's addresses and this plugin. */
  function client(heading: string, language: string): string {
    return renamed(block(heading, language), id)
      .replaceAll('43119', String(home.port))
      .replaceAll('43121', String(home.busPort));
  }

  function run(file: string, code: string, command: string[]): string {
    writeFileSync(path.join(folder, file), code);
    const [program = '', ...args] = command;
    const { stdout, stderr, status } = spawnSync(program, [...args, file], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, BKG_API_KEY: apiKey() },
    });
    expect(status, stdout + stderr).toBe(0);
    return stdout;
  }

  it('in a shell, with curl', (context) => {
    if (!has('curl')) return context.skip('no curl on the PATH');
    const line = client('**A shell**', 'sh')
      .split('\n')
      .find((one) => one.startsWith('curl '));
    expect(run('call.sh', line ?? '', ['sh'])).toBe('{"text":"Hello, Ada!"}');
  });

  it('in a shell, with bkg', () => {
    const line = client('**A shell**', 'sh')
      .split('\n')
      .find((one) => one.startsWith('npx bkg '));
    const bkg = `"${process.execPath}" "${path.join(projectFolder, 'services/cli/dist/main.js')}"`;
    const env = `BKG_HOME="${home.dir}" BKG_PORT=${home.port}`;
    expect(run('call.sh', `${env} ${line?.replace('npx bkg', bkg)}`, ['sh'])).toBe('{"text":"Hello, Ada!"}');
  });

  it('in JavaScript', () => {
    expect(run('call.mjs', client('**JavaScript**', 'js'), [process.execPath])).toBe('Hello, Ada!\n');
  });

  it.skipIf(missing['python']).each(['**Python**, over HTTP', '**Python**, over NATS'])(
    'in %s',
    (heading) => {
      expect(run('call.py', client(heading, 'python'), ['python3', '-B'])).toBe('Hello, Ada!\n');
    },
  );

  it('in Go', (context) => {
    if (missing['go']) return context.skip(missing['go']);
    expect(run('call.go', client('\n**Go**', 'go'), ['go', 'run'])).toBe('Hello, Ada!\n');
  });
});
