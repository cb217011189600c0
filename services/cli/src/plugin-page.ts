import { presentEnd, sampleOf, shortVerdict, verdictText } from '@bkg/sdk/protocol';
import type { PluginCapability, PluginInfo } from '@bkg/sdk/protocol';
import { clock } from './clock.ts';
import { age, amount, count, milliseconds } from './figures.ts';
import { limitLines } from './limit-lines.ts';
import { paintStatus } from './plugin-table.ts';
import { rolloutLines } from './receipt.ts';
import { restartText } from './restart-text.ts';
import { schemaText } from './schema-text.ts';
import { shellWord } from './shell-word.ts';
import { paint, printable } from './terminal.ts';
import { versionTexts } from './version-list.ts';

/** All about one plugin. */
export function pluginPage(plugin: PluginInfo): string[] {
  const {
    id,
    name,
    version,
    description,
    author,
    status,
    error,
    rollout,
    restarts,
    unknown_since: since,
  } = plugin;
  const verdict = shortVerdict(plugin);
  const title = [
    paint('bold', printable(id)),
    printable(version),
    paintStatus(status),
    ...(verdict ? [`(${verdict})`] : []),
  ].join('  ');
  const why = presentEnd(plugin)?.text ?? error;
  const trouble = [
    ...(why ? texts(why).map((line) => paint('red', line)) : []),
    ...(restarts ? [`  ${restartText(restarts, since ? undefined : Date.now())}`] : []),
  ];
  const by = author ? ` (${author})` : '';
  return [
    title,
    ...(name && name !== id ? [`  ${printable(name)}${printable(by)}`] : []),
    ...texts(description),
    ...(trouble.length > 0 ? ['', ...trouble] : []),
    ...(since ? ['', paint('yellow', `  The supervisor is silent since ${since}: this was true then.`)] : []),
    ...section('instances', instanceLines(plugin)),
    ...section('versions', versionLines(plugin)),
    ...(rollout
      ? section(
          rollout.state === 'running' ? 'being replaced' : 'last replaced',
          rolloutLines(rollout, Date.now()),
        )
      : []),
    ...section('last ends', endLines(plugin)),
    ...section('measured', telemetryLines(plugin)),
    ...section('limits', limitLines(plugin)),
    ...section('configuration', configLines(plugin)),
    ...section(
      'capabilities',
      plugin.capabilities.flatMap((one) => capabilityLines(id, one)),
    ),
  ];
}

function section(title: string, lines: string[]): string[] {
  return lines.length > 0 ? ['', paint('dim', title), ...lines] : [];
}

/** Lines of a text of somebody else. */
function texts(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${printable(line)}`);
}

function instanceLines({ instances }: PluginInfo): string[] {
  return instances.flatMap(
    ({ instance, status, version, host, pid, managed, held, started_at: at, error }) => {
      const started = Date.parse(at);
      const facts = [
        printable(instance),
        paintStatus(status),
        printable(version),
        managed ? 'managed' : 'not managed',
        pid === undefined ? printable(host) : `process ${pid} on ${printable(host)}`,
        held ? 'held until it is let in' : '',
        ...(Number.isNaN(started) ? [] : [`for ${age((Date.now() - started) / 1_000)}`]),
      ];
      return [`  ${facts.filter(Boolean).join('  ')}`, ...(error ? texts(`  ${error}`) : [])];
    },
  );
}

function versionLines(plugin: PluginInfo): string[] {
  const texts = versionTexts(plugin);
  return plugin.versions.length > 0 ? [`  ${texts.join(', ')}`] : [];
}

/** The latest first, and what that printed last. */
function endLines({ ends = [] }: PluginInfo): string[] {
  const now = new Date();
  return ends.flatMap(({ instance, version, at, verdict, text, output }) => [
    `  ${clock(at, now)}  ${paint('bold', printable(verdictText(verdict)))}: ${printable(text)}  ${printable(instance)}  ${printable(version)}`,
    ...(output?.map((line) => `    ${paint('dim', '|')} ${printable(line)}`) ?? []),
    ...(output?.length === 0 ? ['    it printed nothing'] : []),
  ]);
}

function telemetryLines({ telemetry }: PluginInfo): string[] {
  if (telemetry.instances === 0) return [];
  const { request_count: requests, error_count: errors, latency_ms: ms, last_error: last } = telemetry;
  return [
    `  ${count(requests)} invocations, ${count(errors)} failed, ${telemetry.in_flight} in flight, ${telemetry.queue_depth} waiting`,
    `  p50 ${milliseconds(ms.p50)} ms, p95 ${milliseconds(ms.p95)} ms, p99 ${milliseconds(ms.p99)} ms`,
    `  ${amount(telemetry.cpu_percent)} % of a core, ${amount(telemetry.memory_mb)} MB`,
    ...(last ? [`  last error: ${printable(last)}`] : []),
  ];
}

function configLines({ config, instances }: PluginInfo): string[] {
  if (instances.length > 0 && instances.every(({ managed }) => !managed)) return [];
  const { enabled, autostart, replicas, resources, limits, sandbox } = config;
  return [
    `  ${enabled ? '' : 'disabled, '}${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, ${autostart ? '' : 'no '}autostart, ` +
      `time-out ${resources.timeout_secs} s, at most ${limits.max_concurrency} at once and ${limits.max_queue} waiting, ` +
      `${rateText(limits)}sandbox ${sandbox}`,
  ];
}

function rateText({ rate_per_second: rate, capabilities = {} }: PluginInfo['config']['limits']): string {
  const single = Object.entries(capabilities).map(
    ([id, one]) => `${one.rate_per_second} of ${printable(id)}, `,
  );
  if (rate === undefined && single.length === 0) return '';
  return `a second at most ${rate === undefined ? '' : `${rate}, `}${single.join('')}`;
}

function capabilityLines(plugin: string, capability: PluginCapability): string[] {
  const { id, description, errors = {} } = capability;
  const { output_schema: output, output_type: outputType } = capability;
  const { chunk_schema: chunk, chunk_type: chunkType } = capability;
  const facts = factsOf(capability);
  return [
    `  ${paint('bold', printable(id))}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`,
    ...texts(description).map((line) => `  ${line}`),
    `    takes  ${shapeText(capability.input_schema, capability.input_type)}`,
    ...(capability.stream ? [`    chunks ${shapeText(chunk, chunkType)}`] : []),
    // Chunks that are bytes are the answer.
    ...(chunkType === undefined ? [`    gives  ${shapeText(output, outputType)}`] : []),
    ...Object.entries(errors).map(
      ([code, { number, description: why }]) => `    fails  ${printable(`${code} (${number}): ${why}`)}`,
    ),
    `    ${paint('dim', `bkg invoke ${printable(plugin)} ${printable(id)} ${wordsFor(capability)}`)}`,
  ];
}

function factsOf({ idempotent, stream, upload }: PluginCapability): string[] {
  return [
    ...(idempotent ? ['idempotent'] : []),
    ...(stream ? ['streams'] : []),
    ...(upload ? ['takes uploads'] : []),
  ];
}

function shapeText(schema: unknown, contentType: string | undefined): string {
  return printable(contentType === undefined ? schemaText(schema) : `bytes, ${contentType}`);
}

/** How it is invoked. */
function wordsFor({ input_schema, input_type, output_type, chunk_type, stream }: PluginCapability): string {
  const payload =
    input_type === undefined ? printable(shellWord(JSON.stringify(sampleOf(input_schema)))) : '--file <file>';
  const isBytes = (chunk_type ?? output_type) !== undefined;
  const how = isBytes ? ' --output <file>' : stream ? ' --stream' : '';
  return `${payload}${how}`;
}
