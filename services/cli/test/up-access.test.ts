import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKey, hashSecret, parseKey } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { partNames } from '../src/up/up-record.ts';
import { testHome } from './test-home.ts';
import type { TestHome } from './test-home.ts';

const asked = { BKG_NO_AUTH: '' };
const ticket = 't'.repeat(52);

function adminKey(home: TestHome): { text: string; prefix: string; secret: string; mode: string } {
  const content = home.read('admin.key');
  expect(content).toMatch(/^bkg_K[a-z2-7]{9}_[a-z2-7]{52}\n$/);
  const text = content.trim();
  const mode = (statSync(home.file('admin.key')).mode & 0o777).toString(8);
  return { text, mode, ...(parseKey(text) ?? { prefix: '', secret: '' }) };
}

const ensured = (home: TestHome): unknown[] =>
  home
    .notes()
    .filter((note) => note.startsWith('admin.ensure '))
    .map((note) => JSON.parse(note.slice('admin.ensure '.length)) as unknown);

describe('the first start', () => {
  it('makes the admin key, tells its keeper the hash of it, and ends with a link to sign in with', async () => {
    await using home = await testHome();
    home.order({ admin: 'made' });
    const up = await home.running(asked);
    await up.said('sign in: ');
    const { mode, prefix, secret } = adminKey(home);
    expect(mode).toBe('600');
    expect(ensured(home)).toEqual([{ prefix, hash: hashSecret(secret) }]);
    const made = home.notes().find((note) => note.startsWith('ticket.create ')) ?? '';
    expect(JSON.parse(made.slice('ticket.create '.length))).toEqual({
      actor: { who: 'bkg', via: 'mesh', from: '' },
      prefix,
      hash: hashSecret(secret),
    });
    expect(up.lines.at(-1)).toBe(
      `  sign in: http://localhost:${home.port}/sign-in#ticket=${ticket} (works once, for 10 minutes)`,
    );
  });

  it('shows the secret to nobody: not in what it prints, in logs, or in the processes that it starts', async () => {
    await using home = await testHome();
    const up = await home.running({ ...asked, BKG_API_KEY: createKey().text });
    const { secret } = adminKey(home);
    expect(up.output).not.toContain(secret);
    for (const part of partNames) {
      expect(home.read('logs', `${part}.log`)).not.toContain(secret);
      const process = `/proc/${home.pid(part)}`;
      expect(readFileSync(`${process}/cmdline`, 'utf8')).not.toContain('bkg_K');
      // Nor is the key of whoever has started the mesh.
      expect(readFileSync(`${process}/environ`, 'utf8')).not.toContain('bkg_K');
    }
  });

  it('goes on when the keeper does not come up, and gives the link when it does', async () => {
    await using home = await testHome();
    home.order({ admin: 'away' });
    const up = await home.running(asked);
    expect(up.output).toMatch(
      /! access {7}the plugin apikeys does not answer \(.+\), and without it nobody gets in/,
    );
    expect(up.output).not.toContain('sign in: ');
    home.order({});
    await up.said(
      `✓ access       the plugin apikeys answers; sign in: http://localhost:${home.port}/sign-in#`,
    );
    expect(await up.stop()).toBe(0);
  });
});

describe('another start', () => {
  it('keeps the key and gives another link, also when it takes over what runs', async () => {
    await using home = await testHome();
    const first = await home.running(asked);
    await first.said('sign in: ');
    const { text, prefix, secret } = adminKey(home);
    await first.stop('SIGKILL');
    const second = await home.running(asked);
    expect(second.output).toContain('✓ gateway');
    expect(second.output).toContain('still running');
    await second.said('sign in: ');
    expect(adminKey(home).text).toBe(text);
    // Also when it is known: the bucket of the keys may be new.
    expect(ensured(home)).toEqual(Array.from({ length: 2 }, () => ({ prefix, hash: hashSecret(secret) })));
  });

  it('closes a key that others can read, and says whom that may have reached', async () => {
    await using home = await testHome();
    const { text, prefix } = createKey();
    writeFileSync(home.file('admin.key'), text);
    chmodSync(home.file('admin.key'), 0o644);
    const up = await home.running(asked);
    expect(up.output).toContain(
      `! access       others could read ${home.file('admin.key')}, and cannot any more; who may have is shut out by \`bkg keys rotate ${prefix} --grace 0s\``,
    );
    expect((statSync(home.file('admin.key')).mode & 0o777).toString(8)).toBe('600');
    await up.said('sign in: ');
  });

  it('runs without a link when the key is broken, and leaves it as it is', async () => {
    await using home = await testHome();
    writeFileSync(home.file('admin.key'), 'bkg_Kabc_oops\n', { mode: 0o600 });
    const up = await home.running(asked);
    expect(up.output).toContain(
      `✗ access       ${home.file('admin.key')} holds no API key. To do: put the key back`,
    );
    expect(up.output).not.toContain('oops');
    expect(up.output).not.toContain('sign in: ');
    expect(home.read('admin.key')).toBe('bkg_Kabc_oops\n');
    expect(ensured(home)).toEqual([]);
  });

  it('says what to do about a key that was revoked', async () => {
    await using home = await testHome();
    home.order({ admin: 'invalid' });
    const up = await home.running(asked);
    expect(up.output).toContain(`! access       the key in ${home.file('admin.key')} does not do any more`);
    expect(up.output).not.toContain('sign in: ');
    // What it says helps: without the file another key is made.
    const { text } = adminKey(home);
    await up.stop();
    rmSync(home.file('admin.key'));
    home.order({ admin: 'made' });
    const again = await home.running(asked);
    await again.said('sign in: ');
    expect(adminKey(home).text).not.toBe(text);
  });
});

describe('who gets in', () => {
  it('is everybody with BKG_NO_AUTH=1: no key is made, and a line says so', async () => {
    await using home = await testHome();
    const up = await home.running();
    expect(up.output).toContain('! access       BKG_NO_AUTH=1: nobody is asked who they are');
    expect(home.read('admin.key')).toBe('');
    expect(readFileSync(`/proc/${home.pid('gateway')}/environ`, 'utf8')).toContain('\0BKG_NO_AUTH=1\0');
    expect(readFileSync(`/proc/${home.pid('supervisor')}/environ`, 'utf8')).not.toContain('BKG_NO_AUTH');
  });

  it('is told when others reach the mesh without encryption', async () => {
    await using home = await testHome();
    const up = await home.running({ ...asked, BKG_HOST: '0.0.0.0' });
    expect(up.output).toContain(`bkg is up: http://localhost:${home.port} `);
    expect(up.output).toMatch(
      /! access {7}others reach 0\.0\.0\.0 without encryption: .+ set BKG_PUBLIC_URL=https:/,
    );
    await eventually(async () => (await fetch(`http://127.0.0.1:${home.port}/`)).ok);
  });

  it('sign in at the address of BKG_PUBLIC_URL', async () => {
    await using home = await testHome();
    const up = await home.running({ ...asked, BKG_HOST: '0.0.0.0', BKG_PUBLIC_URL: 'https://mesh.example/' });
    expect(up.output).toContain('bkg is up: https://mesh.example ');
    await up.said(`sign in: https://mesh.example/sign-in#ticket=${ticket}`);
    expect(up.output).not.toContain('without encryption');
    expect(readFileSync(`/proc/${home.pid('gateway')}/environ`, 'utf8')).toContain(
      '\0BKG_PUBLIC_URL=https://mesh.example\0',
    );
  });
});
