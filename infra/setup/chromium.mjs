import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetchFromDebian } from './debian.mjs';
import { needSpace } from './disk.mjs';
import { Failure } from './failure.mjs';
import { findOnPath, isProgram } from './program.mjs';
import { run } from './run.mjs';
import { stampFile } from './stamp.mjs';

/** 0.8 GiB in the end, while it is unpacked the archives as well. */
const neededBytes = 1.1 * 2 ** 30;
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * A Chromium that renders pages: the named one, one on the PATH, one fetched before, else fetched now from Debian.
 * @param {import('./setup.mjs').Context} context
 * @param {(doing: string, detail?: string) => void} progress
 * @returns {Promise<{ value: string, note: string }>}  path of the program
 */
export async function chromium(context, progress) {
  const { tools, env } = context;
  const named = env.BKG_CHROMIUM && path.resolve(env.BKG_CHROMIUM);
  if (named) {
    const { note, why } = await examine(context, named, progress);
    if (note) return { value: named, note };
    throw new Failure(
      `BKG_CHROMIUM is ${named}: ${why}`,
      'name a Chromium or Chrome that runs here, or unset it.',
    );
  }

  const refused = [];
  const target = path.join(tools, 'chromium');
  const wrapper = path.join(target, 'chromium');
  const there = [...names.map((name) => findOnPath(name, env)), isProgram(wrapper) ? wrapper : undefined];
  for (const file of there.filter(Boolean)) {
    const { note, why } = await examine(context, file, progress);
    if (note) return { value: file, note };
    refused.push(`${file}: ${why}`);
  }

  progress('fetching Chromium from Debian');
  needSpace(tools, neededBytes, 'the browser for the tests');
  rmSync(target, { recursive: true, force: true });
  try {
    await fetchFromDebian(context, target, {
      packages: ['chromium', 'fonts-dejavu-core'],
      closure: true,
      // The machine's own loader runs it, and that fits no other C library than the machine's own.
      keep: (archive) => !/^(libc6|libc-bin|base-files|dpkg|perl-base)_/.test(archive),
      onLine: (line) => progress('fetching Chromium from Debian', line),
      check: async (dir) => {
        wrap(dir);
        const { note, why } = await examine(context, path.join(dir, 'chromium'), progress);
        if (!note) throw new Failure(`the fetched Chromium does not render: ${why}`, 'use another way.');
      },
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    refused.push(`from Debian: ${error.message}`);
    throw new Failure(
      `No Chromium for the browser tests was found or could be fetched:\n${refused.map((line) => `    ${line}`).join('\n')}`,
      'install Chromium or Chrome, or set BKG_CHROMIUM to the path of one, then run again.',
      { cause: error },
    );
  }
  return examine(context, wrapper, progress).then(({ note }) => ({
    value: wrapper,
    note: `${note}, fetched`,
  }));
}

/** A start script beside the unpacked tree; all paths are relative to it, because the folder is renamed once. */
function wrap(dir) {
  const triplet = readdirSync(path.join(dir, 'usr/lib')).find((name) => /-linux-gnu/.test(name)) ?? '';
  const libraries = ['', '/nss', '/pulseaudio'].map((sub) => `$here/usr/lib/${triplet}${sub}`);
  libraries.push(`$here/lib/${triplet}`);
  const script = [
    '#!/bin/sh',
    'here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)',
    `export LD_LIBRARY_PATH="${libraries.join(':')}"`,
    'export FONTCONFIG_FILE="$here/fonts.conf"',
    // Fontconfig takes a folder beside its file for fonts only; its cache would land in the caller's folder.
    'export XDG_CACHE_HOME="$here/cache"',
    'exec "$here/usr/lib/chromium/chromium" "$@"',
  ];
  writeFileSync(path.join(dir, 'chromium'), `${script.join('\n')}\n`, { mode: 0o755 });
  const fonts = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    '<fontconfig>',
    '  <dir prefix="relative">usr/share/fonts</dir>',
    '  <dir>/usr/share/fonts</dir>',
    '  <cachedir prefix="xdg">fontconfig</cachedir>',
    '</fontconfig>',
  ];
  writeFileSync(path.join(dir, 'fonts.conf'), `${fonts.join('\n')}\n`);
}

/** A page that measures its own text: without a usable font its width is nothing. */
const page = `data:text/html,<span id=a>bkg renders</span><script>document.title=document.getElementById('a').offsetWidth</script>`;

/**
 * Whether a browser really renders; a success is remembered as long as the program stays the same.
 * @returns {Promise<{ note?: string, why?: string }>}
 */
async function examine({ state, signal, env }, file, progress) {
  if (!isProgram(file)) return { why: 'it is not a program.' };
  const { size, mtimeMs } = statSync(file);
  const stamp = stampFile(path.join(state, 'chromium'));
  const value = `${file} ${size} ${mtimeMs}`;
  if (stamp.matches(value)) return { note: 'unchanged' };

  progress(`trying ${path.basename(file)}`);
  const profile = mkdtempSync(path.join(tmpdir(), 'bkg-chromium-'));
  const picture = path.join(profile, 'page.png');
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    `--user-data-dir=${profile}`,
  ];
  const limits = { signal, env, timeoutMs: 60_000 };
  try {
    const { stdout: version } = await run(file, ['--version'], limits);
    const { stdout, output } = await run(file, [...flags, '--dump-dom', page], limits);
    const width = Number(/<title>(\d+)<\/title>/.exec(stdout)?.[1] ?? 0);
    if (width < 20) return { why: `it does not render a page: ${reason(output)}` };
    await run(file, [...flags, `--screenshot=${picture}`, page], { ...limits, cwd: profile });
    if (readFileSync(picture).readUInt32BE(0) !== 0x89504e47)
      return { why: 'it makes no picture of a page.' };
    stamp.set(value);
    return { note: version.trim() };
  } catch (error) {
    if (error instanceof Failure || error.code === 'ENOENT') return { why: error.message };
    throw error;
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The line that says most among the many that a browser writes. */
function reason(output) {
  const lines = output.trim().split('\n');
  return lines.find((line) => /FATAL|error while loading|cannot open shared/.test(line)) ?? lines.at(-1);
}
