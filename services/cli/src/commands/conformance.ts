import { readFile } from 'node:fs/promises';
import { readCredentials } from '@bkg/sdk';
import { levels, levelsUpTo, reachedLevel, runConformance } from '@bkg/sdk/conformance';
import type { CaseResult, GivenUpload, Level } from '@bkg/sdk/conformance';
import { homePaths } from '@bkg/sdk/host';
import { UsageError } from '../command.ts';
import type { Arguments } from '../command.ts';
import { Failure } from '../failure.ts';
import { interruptible } from '../interruption.ts';
import { homeFolder, ownBroker } from '../mesh-address.ts';
import { program } from '../project.ts';
import { paint, printable } from '../terminal.ts';
import type { Style } from '../terminal.ts';
import { withBus } from '../up/bus.ts';
import type { BusAddress } from '../up/bus.ts';
import { readSettings } from '../up/settings.ts';

const connectWithinMs = 5_000;

const marks: Record<CaseResult['verdict'], { mark: string; style: Style }> = {
  kept: { mark: '✓', style: 'green' },
  broken: { mark: '✗', style: 'red' },
  'not tried': { mark: '·', style: 'yellow' },
};

/** `bkg conformance <plugin>`: does it keep to PROTOCOL.md? */
export async function run(args: Arguments, env: NodeJS.ProcessEnv): Promise<number> {
  const [pluginId = ''] = args.words;
  const level = readLevel(args.text('level') ?? 'service');
  const [samples, slow] = [
    readSamples('sample', args.list('sample')),
    readSamples('slow', args.list('slow')),
  ];
  const uploads = await readUploads(args.list('upload'));
  const isForPrograms = args.isSet('json');
  const address = brokerOf(env);
  return interruptible(async (signal) => {
    const results = await overBus(address, signal, (connection) =>
      runConformance({
        connection,
        pluginId,
        level,
        signal,
        ...(Object.keys(samples).length > 0 && { samples }),
        ...(Object.keys(slow).length > 0 && { slow }),
        uploads,
        ...(!isForPrograms && { onCase: (result) => isWithin(result, level) && print(result) }),
      }),
    );
    const asked = results.filter((result) => isWithin(result, level));
    const reached = reachedLevel(results, level);
    if (isForPrograms)
      process.stdout.write(
        `${JSON.stringify({ plugin: pluginId, level, reached: reached ?? null, cases: asked })}\n`,
      );
    else process.stdout.write(summary(pluginId, level, asked));
    return asked.every(({ verdict }) => verdict === 'kept') ? 0 : 1;
  });
}

/** Those beside and above are not asked for, and would only be listed as not tried. */
function isWithin(result: CaseResult, level: Level): boolean {
  return levelsUpTo(level).includes(result.level);
}

function readLevel(given: string): Level {
  const level = levels.find((known) => known === given);
  if (level) return level;
  throw new UsageError(`--level is "${given}"; it takes one of ${levels.join(', ')}`);
}

/** `greet={"name": "Ada"}`, any number of them. */
function readSamples(option: string, given: readonly string[]): Record<string, unknown> {
  const samples = given.map((text) => {
    const [, capability = '', json = ''] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
    try {
      return [capability, JSON.parse(json) as unknown] as const;
    } catch {
      throw new UsageError(
        `--${option} is "${text}"; it takes <capability>=<json>, such as greet={"name": "Ada"}`,
      );
    }
  });
  return Object.fromEntries(samples);
}

/** `transcribe=speech.wav;type=audio/wav`, any number of them. */
async function readUploads(given: readonly string[]): Promise<Record<string, GivenUpload>> {
  const uploads = given.map(async (text) => {
    const [, capability, file, contentType] = /^([^=]+)=(.+?)(?:;type=([^;]+.*))?$/s.exec(text) ?? [];
    if (capability === undefined || file === undefined)
      throw new UsageError(
        `--upload is "${text}"; it takes <capability>=<file>, such as transcribe=speech.wav;type=audio/wav`,
      );
    try {
      const upload = { body: await readFile(file), ...(contentType !== undefined && { contentType }) };
      return [capability, upload] as const;
    } catch (error) {
      throw new UsageError(`--upload names ${file}, which cannot be read: ${(error as Error).message}`);
    }
  });
  return Object.fromEntries(await Promise.all(uploads));
}

/** BKG_NATS_URL and its credentials, else the nats-server of BKG_HOME. @throws Failure */
function brokerOf(env: NodeJS.ProcessEnv): BusAddress {
  const { broker } = readSettings(env);
  if (broker) return broker;
  try {
    return {
      servers: [ownBroker(env)],
      credentials: readCredentials(homePaths(homeFolder(env)).credentialsFile),
    };
  } catch (error) {
    throw new Failure(
      (error as Error).message,
      'start a mesh with `npm start` in the folder of bkg, or name it: BKG_HOME, or BKG_NATS_URL and BKG_CREDENTIALS_FILE.',
      { cause: error },
    );
  }
}

async function overBus<T>(
  address: BusAddress,
  signal: AbortSignal,
  work: Parameters<typeof withBus<T>>[2],
): Promise<T> {
  let isConnected = false;
  try {
    return await withBus(
      address,
      AbortSignal.any([signal, AbortSignal.timeout(connectWithinMs)]),
      async (connection) => {
        isConnected = true;
        return work(connection);
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    const remedy = isConnected
      ? 'start the plugin first, then try again.'
      : 'start a mesh with `npm start` in the folder of bkg, or name its broker: BKG_NATS_URL and BKG_CREDENTIALS_FILE.';
    throw new Failure(sentence((error as Error).message), remedy, { cause: error });
  }
}

function print({ case: id, title, verdict, section, expected, got }: CaseResult): void {
  const { mark, style } = marks[verdict];
  const lines = [`  ${paint(style, mark)} ${title}`];
  if (verdict === 'broken') {
    lines.push(`      expected  ${printable(expected)}`, `      got       ${printable(got)}`);
    lines.push(`      see       "${section}" in PROTOCOL.md; the case is called ${id}`);
  }
  if (verdict === 'not tried') lines.push(`      not tried: ${printable(got)}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function summary(plugin: string, level: Level, results: readonly CaseResult[]): string {
  const count = (wanted: CaseResult['verdict']): number =>
    results.filter(({ verdict }) => verdict === wanted).length;
  const [kept, broken, untried] = [count('kept'), count('broken'), count('not tried')];
  const counts = `${kept} kept, ${broken} broken, ${untried} not tried`;
  if (kept === results.length)
    return `\n${plugin} keeps to the protocol up to the level "${level}" (${counts}).\n`;
  const hint = untried > 0 ? `; \`${program} help conformance\` says how to have more tried` : '';
  return `\n${plugin} is not shown to keep to the protocol up to the level "${level}": ${counts}${hint}.\n`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
