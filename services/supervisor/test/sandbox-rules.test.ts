import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokerPorts, withAddresses } from '../src/isolation/sandbox/broker-address.ts';
import { moduleFolders } from '../src/isolation/sandbox/module-folders.ts';
import { noSandbox, trialVerdict } from '../src/isolation/sandbox/trial-verdict.ts';
import type { TrialResult } from '../src/isolation/sandbox/trial-result.ts';

describe("the broker's address", () => {
  it('gives each port once, and the usual one where there is none', () => {
    expect(brokerPorts('nats://a:4001, b:4002,nats://[::1]:4001,c')).toEqual([4001, 4002, 4222]);
    expect(() => brokerPorts(' , ')).toThrow('there is no broker');
  });

  it('is asked for where it is a name, and kept where nobody needs to be asked', async () => {
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return [
        { address: '10.0.0.7', family: 4 },
        { address: 'fd00::7', family: 6 },
      ];
    };
    const servers = 'nats://nats:4001,127.0.0.1:4002,nats://[::1]:4003,localhost:4004,tls://other:4005';
    expect(await withAddresses(servers, resolve)).toBe(
      'nats://10.0.0.7:4001,nats://[fd00::7]:4001,127.0.0.1:4002,nats://[::1]:4003,localhost:4004,tls://other:4005',
    );
    expect(asked).toEqual(['nats']);
  });
});

describe('what a plugin imports', () => {
  let root: string;
  const at = (...names: string[]) => path.join(root, ...names);
  const folder = (...names: string[]) => mkdirSync(at(...names), { recursive: true });
  const pack = (...names: string[]) => {
    folder(...names);
    writeFileSync(at(...names, 'package.json'), '{}');
  };
  const link = (to: string, ...names: string[]) => {
    folder(path.dirname(path.join(...names)));
    symlinkSync(to, at(...names));
  };
  const found = (plugin: string) =>
    moduleFolders(at(plugin), { project: at('project'), home: at('project/.bkg') })
      .filter((file) => file.startsWith(root))
      .map((file) => path.relative(root, file))
      .sort();

  beforeEach(() => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), 'bkg-modules-')));
    pack('project');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('is what lies above it, as far as the project goes', () => {
    folder('node_modules');
    folder('project/node_modules');
    pack('project/plugins/one');
    folder('project/plugins/one/node_modules');
    expect(found('project/plugins/one')).toEqual([
      'project/node_modules',
      'project/package.json',
      'project/plugins/one/node_modules',
      'project/plugins/one/package.json',
    ]);
  });

  it('is also what links of a workspace lead to, and what that imports', () => {
    pack('project/plugins/sdk');
    pack('project/node_modules/.pnpm/ajv@8/node_modules/ajv');
    link('../../../node_modules/.pnpm/ajv@8/node_modules/ajv', 'project/plugins/sdk/node_modules/ajv');
    folder('elsewhere/one');
    link(at('project/plugins/sdk'), 'elsewhere/one/node_modules/@bkg/sdk');
    expect(found('elsewhere/one')).toEqual([
      'elsewhere/one/node_modules',
      'project/node_modules',
      'project/package.json',
      'project/plugins/sdk',
      'project/plugins/sdk/node_modules',
      'project/plugins/sdk/package.json',
    ]);
  });

  it('is what the project links for all, also where the plugin has links of its own into its store', () => {
    pack('project/plugins/sdk');
    pack('project/node_modules/.pnpm/ajv@8/node_modules/ajv');
    link('../../plugins/sdk', 'project/node_modules/@bkg/sdk');
    pack('project/plugins/one');
    link('../../../node_modules/.pnpm/ajv@8/node_modules/ajv', 'project/plugins/one/node_modules/ajv');
    expect(found('project/plugins/one')).toContain('project/plugins/sdk');
  });

  it('is nothing that a link of the plugin could lead to besides', () => {
    pack('secrets');
    pack('project/.bkg/data/other');
    folder('project/no-package');
    folder('elsewhere/one/node_modules');
    for (const [name, target] of Object.entries({
      secrets: at('secrets'),
      modules: at('secrets/node_modules/x'),
      data: at('project/.bkg/data/other'),
      home: at('project/.bkg'),
      project: at('project'),
      root: '/',
      none: at('project/no-package'),
      nowhere: at('nowhere'),
    }))
      symlinkSync(target, at('elsewhere/one/node_modules', name));
    link(at('secrets'), 'elsewhere/two/node_modules');
    link(at('secrets/key'), 'elsewhere/two/package.json');
    writeFileSync(at('secrets/key'), '');
    expect(found('elsewhere/one')).toEqual(['elsewhere/one/node_modules']);
    expect(found('elsewhere/two')).toEqual([]);
  });
});

describe('what a trial says', () => {
  const holds: TrialResult = {
    abi: 7,
    filters: true,
    readsOwn: true,
    writesOwn: true,
    connects: true,
    reads: false,
    writes: false,
    truncates: false,
    givesAway: false,
    signals: false,
    connectsElsewhere: false,
    connectsUnix: false,
    sendsUdp: false,
    listens: false,
  };

  it('is that it holds, when nothing got out and what must work did', () => {
    expect(trialVerdict(holds)).toMatchObject({
      usable: true,
      files: { strength: 'enforced', by: 'landlock' },
      network: { strength: 'enforced', by: 'landlock+seccomp', note: expect.stringContaining('any host') },
    });
  });

  it.each(['reads', 'writes', 'truncates', 'givesAway'] as const)('is no for files when it %s', (what) => {
    expect(trialVerdict({ ...holds, [what]: true })).toMatchObject({
      usable: true,
      files: { strength: 'none' },
      network: { strength: 'enforced' },
    });
  });

  it.each(['connectsElsewhere', 'connectsUnix', 'sendsUdp', 'listens'] as const)(
    'is no for the network when it %s',
    (what) => {
      expect(trialVerdict({ ...holds, [what]: true })).toMatchObject({
        files: { strength: 'enforced' },
        network: { strength: 'none' },
      });
    },
  );

  it('is no for the network on a kernel that does not limit TCP', () => {
    const { network } = trialVerdict({ ...holds, abi: 3, connectsElsewhere: true });
    expect(network).toEqual({
      strength: 'none',
      by: 'none',
      note: 'Landlock 3 of this kernel does not limit TCP: that takes Linux 6.7.',
    });
  });

  it('is no for the network on a processor that the filter does not know', () => {
    const { files, network } = trialVerdict({ ...holds, filters: false, sendsUdp: true, listens: true });
    expect(files.strength).toBe('enforced');
    expect(network.note).toBe(
      'In the sandbox it can listen, UDP can be sent, because the filter of system calls does not know this processor.',
    );
  });

  it.each(['readsOwn', 'writesOwn', 'connects'] as const)(
    'is that no plugin is to be started in it, without %s',
    (what) => {
      expect(trialVerdict({ ...holds, [what]: false })).toMatchObject({
        usable: false,
        files: { strength: 'none', note: expect.stringMatching(/^In the sandbox the plugin cannot /) },
      });
    },
  );

  it('is why there is none', () => {
    expect(noSandbox('No.').network).toEqual({ strength: 'none', by: 'none', note: 'No.' });
  });
});
