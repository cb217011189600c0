// node download.mjs <url> <file>: one download, as a program, because only a new process takes proxy settings.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

const [url, file] = process.argv.slice(2);
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(5 * 60_000) });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  await pipeline(response.body, createWriteStream(file));
} catch (error) {
  const cause = error.cause?.code ?? error.cause?.message;
  console.error(`${url} could not be fetched: ${error.message}${cause ? ` (${cause})` : ''}.`);
  process.exitCode = 1;
}
