/** A plugin that prints lines, each as its time has come. */
import { setTimeout as delay } from 'node:timers/promises';
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';
import { now } from '../../clock.ts';
import { lineOf } from '../line.ts';

const whole = Type.Integer({ minimum: 1 });

await runPlugin(
  definePlugin({
    id: 'printer',
    version: '1.0.0',
    description: 'Prints lines.',
    capabilities: {
      print: capability({
        description: 'Prints so many lines a second, for so long.',
        input: Type.Object({ perSecond: whole, seconds: whole, bytes: whole }),
        output: Type.Object({ printed: Type.Integer() }),
        handler: async ({ perSecond, seconds, bytes }, { signal }) => {
          const startedAt = now();
          const total = perSecond * seconds;
          for (let printed = 0; printed < total && !signal.aborted;) {
            const due = Math.min(total, Math.ceil(((now() - startedAt) * perSecond) / 1_000));
            for (; printed < due; printed += 1) console.log(lineOf({ seq: printed, at: now() }, bytes));
            await delay(1);
          }
          return { printed: total };
        },
      }),
    },
  }),
);
