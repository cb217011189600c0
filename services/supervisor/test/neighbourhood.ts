import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { subjects } from '@bkg/sdk';
import type { EndVerdict, Isolation, Manifest, PluginConfig, PluginInfo, StatusEvent } from '@bkg/sdk';
import { connectClient } from '@bkg/sdk/client';
import type { InvokeOptions, NatsClient } from '@bkg/sdk/client';
import { delay, readProcessStat } from '@bkg/sdk/host';
import { eventually } from '@bkg/sdk/testing';
import { cgroupPlaces } from '../src/isolation/cgroup-places.ts';
import { CgroupTree } from '../src/isolation/cgroup-tree.ts';
import { environmentOf, listProcesses } from '../src/process-table.ts';
import type { Timings } from '../src/timings.ts';
import { manifest, Mesh } from './mesh.ts';
import { SteadyCaller } from './steady-caller.ts';

/** Its name for `neighbour`s: one that means ill, and knows how. */
export function culprit(
  id: string,
  {
    hostile,
    file = 'hostile.mjs',
    resources = {},
    limits,
    ...more
  }: Partial<Manifest> & {
    /** What it does by itself. */
    hostile?: string;
    file?: string;
    resources?: Partial<PluginConfig['resources']>;
    limits?: Partial<PluginConfig['limits']>;
  } = {},
): Manifest {
  const base = manifest(id, file, more);
  const config = {
    ...base.config,
    ...(hostile && { env: { HOSTILE: hostile } }),
    resources,
    ...(limits && { limits }),
  };
  return { ...base, config };
}
