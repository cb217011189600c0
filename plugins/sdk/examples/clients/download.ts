import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { connectClient } from '@bkg/sdk/client';

const [file = 'tone.wav', secs = '1'] = process.argv.slice(2);
await using client = await connectClient();
const answer = await client.fetch('hello-typescript', 'tone', {
  body: JSON.stringify({ secs: Number(secs) }),
  idempotent: true,
});
// What does not come to its end throws here: the file is whole, or there is an error.
await pipeline(answer, createWriteStream(file));
console.log(file, answer.contentType);
