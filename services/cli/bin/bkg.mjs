#!/usr/bin/env node
// What `npx bkg` runs, by whatever Node stands on the PATH: nothing newer than Node 12 may stand in this file. The
// program itself wants the Node that the set-up takes, so with another one it is started again with that.
import { spawn } from 'child_process';
import { existsSync, readdirSync } from 'fs';
import { constants } from 'os';
import path from 'path';
import { fileURLToPath, pathToFileURL } from 'url';

const root = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const program = path.join(root, 'services', 'cli', 'dist', 'main.js');
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Node 24, or 26 and newer, as infra/setup/version.mjs has it. */
function isSupported(version) {
  const major = Number(version.split('.')[0]);
  return major === 24 || major >= 26;
}

/** The names in a folder; none when it does not exist. */
function namesIn(folder) {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** The Node that `npm start` has fetched, as infra/setup/node.mjs places it; the newest of several. */
function fetchedNode() {
  const homes = [process.env.BKG_HOME, '.bkg'].filter(Boolean).map((home) => path.resolve(root, home));
  const found = [];
  for (const home of homes) {
    const versions = path.join(home, 'tools', 'node');
    for (const version of namesIn(versions).filter(isSupported)) {
      const packages = path.join(versions, version, 'node_modules');
      for (const name of namesIn(packages)) {
        const file = path.join(packages, name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
        if (existsSync(file)) found.push({ file, major: Number(version.split('.')[0]) });
      }
    }
  }
  const [newest] = found.sort((a, b) => b.major - a.major);
  return newest && newest.file;
}

/** Runs the program with another Node and ends as it ends. */
function runWith(node) {
  const child = spawn(node, [program].concat(process.argv.slice(2)), { stdio: 'inherit' });
  // A terminal's Ctrl-C reaches the program as well; it takes two at the same moment for one.
  endings.forEach((name) => process.on(name, () => child.kill(name)));
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}.`, 'run `npm start`.'));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    if (endings.indexOf(signal) === -1) process.exit(128 + constants.signals[signal]);
    // To the shell it must look as if this had been ended by the signal: it ends its loops then.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(what, remedy) {
  process.stderr.write(`bkg: ${what}\n  To do: ${remedy}\n`);
  process.exit(1);
}

const node = isSupported(process.versions.node) ? undefined : fetchedNode();
if (!existsSync(program)) fail('it is not built yet.', `run \`npm start\` once in ${root}, which builds it.`);
else if (node) runWith(node);
else if (isSupported(process.versions.node)) import(pathToFileURL(program).href);
else
  fail(
    `this is Node ${process.versions.node}; bkg needs Node 24, or 26 and newer.`,
    `run \`npm start\` once in ${root}, which fetches one.`,
  );
