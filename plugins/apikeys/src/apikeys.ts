import { accessPlugin, BkgError, definePlugin } from '@bkg/sdk';
import type { PluginDefinition } from '@bkg/sdk';
import { adminEnsure } from './capabilities/admin-ensure.ts';
import {
  keyCreate,
  keyGet,
  keyList,
  keyRevoke,
  keyRotate,
  keyUpdate,
  keyVerify,
} from './capabilities/keys.ts';
import { roleDelete, roleList, rolePut } from './capabilities/roles.ts';
import { sessionCreate, sessionDelete, sessionVerify, ticketCreate } from './capabilities/sessions.ts';
import { startParts } from './parts.ts';
import type { Parts, PartsOptions } from './parts.ts';

/** The plugin `apikeys`: who may do what. Any number of its instances share one bucket. */
export function createApikeys(options: PartsOptions = {}): PluginDefinition {
  let running: Parts | undefined;
  const parts = (): Parts => {
    if (!running) throw new BkgError('PLUGIN_UNAVAILABLE', 'This instance of apikeys is starting or ending.');
    return running;
  };
  return definePlugin({
    id: accessPlugin,
    version: '0.2.0',
    name: 'API keys',
    description:
      'Keeps the API keys of the mesh, their roles and the sessions of people who have signed in. For gateway and supervisor only.',
    author: 'bkg',
    capabilities: {
      'key.verify': keyVerify(parts),
      'key.create': keyCreate(parts),
      'key.list': keyList(parts),
      'key.get': keyGet(parts),
      'key.update': keyUpdate(parts),
      'key.rotate': keyRotate(parts),
      'key.revoke': keyRevoke(parts),
      'role.list': roleList(parts),
      'role.put': rolePut(parts),
      'role.delete': roleDelete(parts),
      'session.create': sessionCreate(parts),
      'session.verify': sessionVerify(parts),
      'session.delete': sessionDelete(parts),
      'ticket.create': ticketCreate(parts),
      'admin.ensure': adminEnsure(parts),
    },
    start: async (context) => {
      running = await startParts(context, options);
    },
    stop: async () => {
      await running?.close();
    },
  });
}
