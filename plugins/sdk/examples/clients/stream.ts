import { connectClient } from '@bkg/sdk/client';

/** What of the plugin is used here; anything else does not compile. */
interface Mesh {
  'hello-typescript': {
    count: { input: { to: number }; chunk: { n: number }; output: { counted: number } };
  };
}

const [to = '5'] = process.argv.slice(2);
await using client = await connectClient<Mesh>();
const numbers = client.stream('hello-typescript', 'count', { to: Number(to) }, { idempotent: true });
// The plugin waits for who reads slowly.
for await (const { n } of numbers) console.log(n);
console.log(await numbers.output);
