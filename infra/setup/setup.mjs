import { existsSync } from 'node:fs';
import path from 'node:path';
import { needSpace } from './disk.mjs';
import { takeLock } from './lock.mjs';
import { node } from './node.mjs';
import { makeFolder, places } from './place.mjs';
import { pnpm } from './pnpm.mjs';
import { createSay } from './say.mjs';
import { removeLeftovers } from './whole.mjs';
import { build, install } from './workspace.mjs';

/**
 * What every part of the set-up is given.
 * @typedef {object} Context
 * @property {string} root  the checkout
 * @property {string} home  BKG_HOME, absolute
 * @property {string} tools  fetched programs
 * @property {string} state  stamps and the lock of this checkout
 * @property {AbortSignal} signal
 * @property {NodeJS.ProcessEnv} env
 * @property {ReturnType<typeof createSay>} say
 */

/** @param {AbortSignal} signal @param {NodeJS.ProcessEnv} env @returns {Context} */
export function createContext(signal, env = process.env) {
  const context = { ...places(env), signal, env, say: createSay() };
  makeFolder(context.tools);
  makeFolder(context.state);
  removeLeftovers(context.tools);
  return context;
}

/**
 * Runs `work` while no other set-up works in this checkout.
 * @template T
 * @param {Context} context
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone({ state, signal, say }, work) {
  const letGo = await takeLock(path.join(state, 'lock'), {
    signal,
    onWait: ({ pid }) => say.write(`  … waiting for another set-up in this folder (process ${pid})`),
  });
  try {
    return await work();
  } finally {
    letGo();
  }
}

/**
 * Node, pnpm and the packages.
 * @param {Context} context
 * @param {number} neededBytes  free disk space to ask for when nothing is there yet
 * @param {string} purpose
 * @returns {Promise<import('./workspace.mjs').Programs>}
 */
export async function prepare(context, neededBytes, purpose) {
  const { say, root } = context;
  if (!existsSync(path.join(root, 'node_modules'))) needSpace(root, neededBytes, purpose);
  const nodeProgram = await say.part('node', (progress) => node(context, progress));
  const pnpmCommand = await say.part('pnpm', (progress) => pnpm(context, nodeProgram, progress));
  const programs = { node: nodeProgram, pnpm: pnpmCommand };
  await say.part('packages', (progress) => install(context, programs, progress));
  return programs;
}

/** Both builds, in their order. @param {Context} context @param {import('./workspace.mjs').Programs} programs */
export async function buildAll(context, programs) {
  for (const what of ['code', 'dashboard'])
    await context.say.part(what, (progress) => build(context, what, programs, progress));
}
