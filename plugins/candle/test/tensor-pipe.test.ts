import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { settlesWithin } from '@bkg/sdk/host';
import type { Tensor } from '../src/datatypes.ts';
import { onTheirWay, receiveTensors, sendTensors } from '../src/tensor-pipe.ts';

const large: Tensor = {
  name: 'x',
  datatype: 'FP64',
  shape: [100_000],
  data: Float64Array.from({ length: 100_000 }, (_, i) => i),
};

it('carries elements in pieces', async () => {
  const pipe = new PassThrough();
  const [received] = await Promise.all([
    receiveTensors(pipe, onTheirWay([large])),
    sendTensors(pipe, [large]),
  ]);
  expect(received).toEqual([large]);
});

describe('a pipe that is closed', () => {
  const message = 'the pipe between candle and a model is closed';

  it('fails who waits for it', async () => {
    const pipe = new PassThrough();
    const receiving = receiveTensors(pipe, onTheirWay([large]));
    pipe.destroy();
    await expect(receiving).rejects.toThrow(message);
  });

  it('fails who comes later, too', async () => {
    const pipe = new PassThrough();
    pipe.destroy();
    await finished(pipe).catch(() => undefined);
    for (const work of [receiveTensors(pipe, onTheirWay([large])), sendTensors(pipe, [large])]) {
      await expect(settlesWithin(work, 1_000)).rejects.toThrow(message);
    }
  });
});
