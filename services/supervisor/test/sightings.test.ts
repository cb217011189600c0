import { encodeDescriptor } from '@bkg/sdk';
import type { Descriptor, StatusEvent } from '@bkg/sdk';
import { expect, it } from 'vitest';
import { Introductions } from '../src/introductions.ts';
import { Plugins } from '../src/plugins.ts';
import { afterStatus, expected } from '../src/sighting.ts';
import { Sightings } from '../src/sightings.ts';

const descriptor: Descriptor = {
  id: 'echo',
  name: 'Echo',
  version: '1.0.0',
  description: '',
  author: '',
  capabilities: [
    {
      id: 'say',
      name: 'Say',
      description: '',
      input_schema: {},
      output_schema: {},
      stream: false,
      upload: false,
      idempotent: true,
    },
  ],
};
const info = { name: 'echo', id: 'I1', version: '1.0.0', ...encodeDescriptor(descriptor) };

/** An instance that answers no question before it was heard to run; each question is on its way until it is let go. */
function stage() {
  const plugins = new Plugins();
  const onTheirWay: ((isThere: boolean) => void)[] = [];
  const ask = (): Promise<Record<string, unknown> | undefined> =>
    new Promise((resolve) => {
      onTheirWay.push((isThere) => {
        onTheirWay.shift();
        resolve(isThere ? info : undefined);
      });
    });
  const questions = {
    mayAsk: () => onTheirWay.length === 0,
    ask,
    askOrMiss: async () => (await ask()) ?? ('nobody' as const),
    onFree: () => undefined,
  };
  const sightings = new Sightings({
    plugins,
    questions,
    descriptorMostBytes: () => 100_000,
    onTooMuch: () => undefined,
    onDescriptor: () => undefined,
  });
  const says = (status: StatusEvent['status']): void => {
    const event = { instance: 'I1', status, version: '1.0.0' } as StatusEvent;
    sightings.see('echo', 'I1', (before) => afterStatus(before, event, Date.now()));
  };
  const letGo = async (isThere: boolean): Promise<void> => {
    onTheirWay[0]!(isThere);
    await new Promise(setImmediate);
  };
  const known = (): unknown => plugins.get('echo')?.sightings.get('I1')?.descriptor;
  return { plugins, questions, sightings, says, letGo, known, onTheirWay };
}

it('an instance that runs while nobody is said to be there yet is asked again at once', async () => {
  const { says, letGo, known, onTheirWay } = stage();
  says('starting');
  says('running');
  expect(onTheirWay).toHaveLength(1);
  await letGo(false);
  expect(onTheirWay).toHaveLength(1);
  await letGo(true);
  expect(known()).toMatchObject({ capabilities: [{ id: 'say' }] });
  expect(onTheirWay).toHaveLength(0);
});

it('an instance of which nothing more was heard is not asked again', async () => {
  const { says, letGo, known, onTheirWay } = stage();
  says('starting');
  await letGo(false);
  expect(onTheirWay).toHaveLength(0);
  expect(known()).toBeUndefined();
});

it('an instance that is heard while it is introduced in vain is asked at once', async () => {
  const { plugins, questions, sightings, says, letGo, known, onTheirWay } = stage();
  const introductions = new Introductions({
    plugins,
    questions,
    sightings,
    hasEnded: () => false,
    firstMs: 1_000,
  });
  void introductions.meet('echo', 'I1');
  says('running');
  await letGo(false);
  expect(onTheirWay).toHaveLength(1);
  await letGo(true);
  expect(known()).toMatchObject({ capabilities: [{ id: 'say' }] });
});

it('who could not be asked because too much was asked is asked as soon as there is room', async () => {
  const plugins = new Plugins();
  const asked: string[] = [];
  const open: (() => void)[] = [];
  const questions = {
    mayAsk: () => open.length === 0,
    ask: (_verb: string, id: string) =>
      new Promise<Record<string, unknown> | undefined>((resolve) => {
        asked.push(id);
        open.push(() => {
          open.shift();
          resolve(undefined);
          questions.onFree();
        });
      }),
    onFree: () => undefined as void,
  };
  const sightings = new Sightings({
    plugins,
    questions,
    descriptorMostBytes: () => 100_000,
    onTooMuch: () => undefined,
    onDescriptor: () => undefined,
  });
  for (const id of ['a', 'b', 'c', 'gone']) {
    const seen = { instance: 'i', status: 'running', version: '1.0.0', speaks: true } as const;
    sightings.see(id, 'i', () => ({ ...expected(seen, 0), descriptorHash: 'h' }));
  }
  plugins.forget('gone');
  expect(asked).toEqual(['a']);
  open[0]!();
  open[0]!();
  expect(asked).toEqual(['a', 'b', 'c']);
  open[0]!();
  expect(asked.slice(0, 3)).toEqual(['a', 'b', 'c']);
  expect(asked).not.toContain('gone');
});
