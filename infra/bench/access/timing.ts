import { createKey, createSecret, parseKey } from '@bkg/sdk/access';
import { croppedT, measure, middleOf, surelyDifferent } from '@bkg/sdk/testing';
import { endWith, sayUnless } from '../command.ts';
import { table } from '../figures.ts';
import { requestOf } from '../load.ts';
import { amount, defineOptions, isJson, optionsOrEnd } from '../options.ts';
import { Wires } from '../wires.ts';
import { HttpStage, invokeBody, invokePath } from './http-stage.ts';

/**
 * Whether the time of an answer over HTTP tells anything of a secret: Welch's t of kinds of requests that are answered
 * alike, in random order, each with a secret of its own. A right secret of a valid key is answered in another way than a
 * wrong one, and needs no clock to be told apart: the last row, which has to differ, shows that this would see it. Right
 * beside wrong is measured with a key that was revoked: 401 for both, after the same way. What decides within it is
 * measured alone by the tests of the plugin and of the SDK. Ends with code 1 beyond 4.5 in most of three series.
 *
 *   node infra/bench/access/timing.ts [--samples 10000] [--json]
 */
const options = optionsOrEnd(defineOptions({ samples: amount(100, 1_000_000, 10_000), isJson }));
const { samples } = options;

await using stage = await HttpStage.start();
// Wrong ones are looked at however many there are, and the gateway is never as if there had been none.
const { port } = await stage.gateway({ attempts: { most: 1_000, windowMs: 100 } });
const valid = await stage.newKey(['invoke:echo']);
const revoked = await stage.newKey(['invoke:echo']);
const [prefix, secret] = partsOf(valid);
const [revokedPrefix, revokedSecret] = partsOf(revoked);
await stage.revoke(revokedPrefix);
using wires = new Wires({ port });

const requestWith = (key: string): string =>
  requestOf({ port, path: invokePath, body: invokeBody, key }).toString('latin1');
/** The same each time, as the right one and its neighbour are: what comes again may be found faster in some cache. */
const fixed = createSecret();
const pairs = [
  {
    what: 'wrong in the last character · wrong everywhere',
    a: () => requestWith(`bkg_${prefix}_${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`),
    b: () => requestWith(`bkg_${prefix}_${fixed}`),
  },
  {
    what: 'wrong secret of a key · key that there is not',
    a: () => requestWith(`bkg_${prefix}_${createSecret()}`),
    b: () => requestWith(createKey().text),
  },
  {
    what: 'right secret of a revoked key · wrong secret of it',
    a: () => requestWith(`bkg_${revokedPrefix}_${revokedSecret}`),
    b: () => requestWith(`bkg_${revokedPrefix}_${fixed}`),
  },
];

// Compilers have their turn before it counts.
for (const { a, b } of pairs) await seriesOf(a, b, 401, 401, Math.min(samples, 2_000));
const results: { what: string; t: number[]; middle: number }[] = [];
for (const { what, a, b } of pairs) {
  const t: number[] = [];
  const middle = await middleOf(async () => {
    t.push(await seriesOf(a, b, 401, 401, samples));
    return Math.abs(t.at(-1) ?? NaN);
  }, surelyDifferent);
  results.push({ what, t, middle });
}
const control = Math.abs(
  await seriesOf(
    () => requestWith(valid),
    () => requestWith(`bkg_${prefix}_${fixed}`),
    200,
    401,
    Math.min(samples, 1_000),
  ),
);
const flaws = [
  ...results
    .filter(({ middle }) => !(middle < surelyDifferent))
    .map(({ what, middle }) => `${what}: told apart, t ${middle.toFixed(1)}`),
  ...(control > surelyDifferent ? [] : ['what differs is not told apart: this measures nothing']),
];
const rows = results.map(({ what, t, middle }) => [
  what,
  t.map((one) => one.toFixed(2)).join(', '),
  middle.toFixed(2),
]);
const head = ['', "Welch's t", 'middle |t|'];
const last = ['right secret, 200 · wrong secret, 401', '', control.toFixed(2)];
const title = `${samples} samples of each kind in each series; beyond ${surelyDifferent} they differ`;
const tables = `${title}\n${table([head, ...rows, last])}`;
endWith({ flaws, tables, figures: { samples, results, control } }, sayUnless(options.isJson));

/** Welch's t; throws when something is answered in another way. */
async function seriesOf(
  a: () => string,
  b: () => string,
  statusOfA: number,
  statusOfB: number,
  count: number,
): Promise<number> {
  // So that the gateway knows the key, as it does of one that is used.
  const status = await wires.ask(requestWith(valid));
  if (status !== 200) throw new Error(`the valid key was answered with ${status}`);
  const statuses = new Map<number, number>();
  const times = await measure({
    samples: count,
    warmUp: 200,
    inputs: { a, b },
    work: async (request) => {
      const answered = await wires.ask(request);
      statuses.set(answered, (statuses.get(answered) ?? 0) + 1);
    },
  });
  const expected = new Set([statusOfA, statusOfB]);
  const others = [...statuses.keys()].filter((one) => !expected.has(one));
  if (others.length > 0 || statuses.size !== expected.size)
    throw new Error(
      `answered with ${[...statuses.keys()].join(', ')}, and not with ${[...expected].join(', ')}`,
    );
  return croppedT(times);
}

function partsOf(key: string): [prefix: string, secret: string] {
  const parts = parseKey(key);
  if (!parts) throw new Error('apikeys has made something that is no key');
  return [parts.prefix, parts.secret];
}
