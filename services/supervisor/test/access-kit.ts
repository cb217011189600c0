import path from 'node:path';
import { accessPlugin } from '@bkg/sdk';
import type { Connection, Credentials, Manifest } from '@bkg/sdk';
import { Keeper } from '@bkg/sdk/access';
import { eventually } from '@bkg/sdk/testing';
import { manifest, Mesh } from './mesh.ts';

export const actor = { who: 'bkg', via: 'mesh', from: '' } as const;

/** The program itself: what is tried here is that both work together. */
const program = path.resolve(import.meta.dirname, '../../../plugins/apikeys/dist/main.js');

/** A mesh with what really keeps the keys, launched by a supervisor. */
export async function startKeyMesh(
  manifests: readonly Manifest[] = [],
): Promise<{ mesh: Mesh; keeper: Keeper }> {
  const keepsKeys = { ...manifest(accessPlugin, 'echo.mjs'), command: ['node', program], autostart: true };
  const mesh = await Mesh.create([keepsKeys, ...manifests], { access: true });
  await supervise(mesh);
  const keeper = new Keeper(mesh.caller);
  await eventually(() => keeper.listRoles(), { withinMs: 20_000 });
  return { mesh, keeper };
}

export function supervise(mesh: Mesh): ReturnType<Mesh['supervise']> {
  return mesh.supervise({}, { ownPluginFolder: mesh.plugins });
}

/** As `bkg_<prefix>_<secret>` is shown. */
export function credentialsOf(secret: string): Credentials {
  return { user: secret.split('_')[1] ?? '', password: secret };
}

/** Comes back by itself when it is put out, as clients do. */
export function connectKey(mesh: Mesh, secret: string): Promise<Connection> {
  return mesh.server.connect('client', { credentials: credentialsOf(secret) });
}

/** Whether the broker lets it in, which takes it a few milliseconds. */
export async function isLetIn(mesh: Mesh, secret: string): Promise<boolean> {
  try {
    const credentials = credentialsOf(secret);
    const signal = AbortSignal.timeout(700);
    await (await mesh.server.connect('probe', { credentials, signal })).close();
    return true;
  } catch {
    return false;
  }
}
