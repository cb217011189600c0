import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connectClient } from '@bkg/sdk/client';

const [file = ''] = process.argv.slice(2);
await using client = await connectClient();
const answer = await client.fetch('hello-typescript', 'digest', {
  // However large: it is read as the plugin asks for it.
  body: createReadStream(file, { highWaterMark: 256 * 1024 }),
  sizeBytes: (await stat(file)).size,
  contentType: 'application/octet-stream',
});
console.log(await answer.json());
