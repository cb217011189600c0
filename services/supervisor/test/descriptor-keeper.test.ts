import { expect, it } from 'vitest';
import type { Descriptor } from '@bkg/sdk';
import { silentLogger } from '@bkg/sdk/testing';
import { DescriptorKeeper } from '../src/descriptor-keeper.ts';
import type { DesiredPlugin } from '../src/desired-state.ts';
import { Plugin } from '../src/plugin.ts';

const said = { id: 'echo', version: '1.0.0', capabilities: [] } as unknown as Descriptor;

it('what a plugin says of itself and could not be kept is kept when it is said again', async () => {
  const kept: Descriptor[] = [];
  let isBroken = true;
  let changes = 0;
  const keeper = new DescriptorKeeper({
    desiredState: {
      describe: async (_id, descriptor) => {
        if (isBroken) throw new Error('no broker');
        kept.push(descriptor);
      },
    },
    log: silentLogger,
    onChange: () => (changes += 1),
  });
  const plugin = new Plugin('echo');
  plugin.desired = {} as DesiredPlugin;
  keeper.keep(plugin, said);
  await plugin.writing;
  expect([plugin.lastDescriptor, changes]).toEqual([undefined, 0]);
  isBroken = false;
  keeper.keep(plugin, { ...said });
  await plugin.writing;
  expect(kept).toEqual([said]);
  expect([plugin.lastDescriptor, changes]).toEqual([said, 1]);
  keeper.keep(plugin, { ...said });
  await plugin.writing;
  expect(kept).toHaveLength(1);
});
