/**
 * Reads files as the parts of bkg read them, in a process of its own: what hangs or ends it does so alone. It is sent a
 * `FileInput` over IPC, and answers with what the reader made of it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCredentials } from '@bkg/sdk';
import { readServiceSettings } from '@bkg/sdk/host';
import { readModelHeader } from '../../../plugins/candle/dist/onnx/reader.js';
import { readHeader, readHeaderLength } from '../../../plugins/candle/dist/safetensors/header.js';
import { signatureOf } from '../../../plugins/candle/dist/signature.js';
import { textModelOf } from '../../../plugins/candle/dist/text-model.js';
import { readLaunch } from '../../../plugins/sdk/dist/launch.js';
import { keepAdminKey } from '../../../services/cli/dist/up/admin-key.js';
import { readSettings as readUpSettings } from '../../../services/cli/dist/up/settings.js';
import { readUpRecord } from '../../../services/cli/dist/up/up-record.js';
import { readSettings as readGatewaySettings } from '../../../services/gateway/dist/settings.js';
import { readRecords } from '../../../services/supervisor/dist/instance-record.js';
import { firstConfig } from '../../../services/supervisor/dist/manifest.js';
import { readManifestFile } from '../../../services/supervisor/dist/manifest-file.js';
import type { FileInput, FileKind } from '../grammar/files.ts';

/** What became of a file. */
export interface FileReading {
  outcome: string;
  /** The name of what was thrown; absent when nothing was. */
  error?: string;
  message?: string;
  stack?: string;
  ms: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'bkg-fuzz-files-'));
const run = path.join(folder, 'run');
mkdirSync(run);
const file = path.join(folder, 'file');
const credentialsFile = path.join(folder, 'credentials.json');
writeFileSync(credentialsFile, JSON.stringify({ user: 'u', password: 'p' }), { mode: 0o600 });
const recordFile = path.join(run, 'ybiiDV6PhSjxp1PrnJmOSi.json');
const launch = { BKG_NATS_URL: 'nats://127.0.0.1:1', BKG_CREDENTIALS_FILE: credentialsFile };

/** What each is, in a word or two, when it was taken. */
const readers: Record<FileKind, (content: Buffer) => string | Promise<string>> = {
  manifest: async () => {
    const reading = await readManifestFile(file);
    if ('problem' in reading) return `problem: ${reading.problem}`;
    const { limits, resources } = firstConfig(reading.manifest);
    return `taken: ${typeof limits.max_queue} ${typeof resources.timeout_secs}`;
  },
  credentials: () => `taken: ${Object.keys(readCredentials(file)).join(' ')}`,
  config: () => {
    const { config } = readLaunch('target', { ...launch, BKG_CONFIG_FILE: file });
    return `taken: ${typeof config.limits.max_queue} ${typeof config.resources.timeout_secs}`;
  },
  environment: (content) => {
    const env = environmentIn(content);
    const tries = [
      readUpSettings,
      readGatewaySettings,
      readServiceSettings,
      (given: NodeJS.ProcessEnv) => readLaunch('target', given),
    ];
    const said = tries.map((read) => attempt(() => read({ ...env, BKG_CREDENTIALS_FILE: credentialsFile })));
    return said.join('; ');
  },
  onnx: () => {
    const { inputs, outputs } = signatureOf(readModelHeader(file));
    return `taken: ${inputs.length} ${outputs.length}`;
  },
  safetensors: (content) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(content.length));
    readHeaderLength(length);
    return `taken: ${readHeader(content).tensors.length} tensors`;
  },
  metadata: (content) => {
    const metadata = environmentIn(content) as Record<string, string>;
    const port = { isOptional: false, shape: [1, -1] };
    const inputs = [{ ...port, name: 'x', datatype: 'INT64' }];
    const outputs = [{ ...port, name: 'y', datatype: 'FP32' }];
    const { labels } = textModelOf('m', { inputs, outputs, metadata } as never);
    return `taken: ${labels.length} labels`;
  },
  record: (content) => {
    writeFileSync(recordFile, content);
    return `taken: ${readRecords(run).length}`;
  },
  up: () => `taken: ${typeof readUpRecord(file)}`,
  key: () => `taken: ${keepAdminKey(file).prefix.length}`,
};

/** Members that are texts without a NUL, as an environment has them. */
function environmentIn(content: Buffer): Record<string, string | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    // Then it is empty.
    return {};
  }
  const pairs = Object.entries(Object(value) as object).filter(
    ([, text]) => typeof text === 'string' && !text.includes('\0'),
  );
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** Of several: one that is refused must not hide what the next one does. */
function attempt(work: () => unknown): string {
  try {
    work();
    return 'taken';
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return `refused: ${(error as Error).message}`;
  }
}

/** An error that was made to be read, and not one of the language's own. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    !['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'].includes(error.name)
  );
}

async function read({ kind, content }: FileInput): Promise<FileReading> {
  const bytes = Buffer.from(content, 'latin1');
  writeFileSync(file, bytes, { mode: 0o600 });
  const begun = performance.now();
  const ms = (): number => performance.now() - begun;
  try {
    const outcome = await readers[kind](bytes);
    return { outcome, ms: ms() };
  } catch (error) {
    const { name = 'no error', message = '', stack = '' } = Object(error) as Partial<Error>;
    return { outcome: 'refused', error: name, message, stack, ms: ms() };
  }
}

process.on('message', async (input: FileInput) => process.send?.(await read(input)));
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit();
});
process.send?.('ready');
