import { CancelledError, connectClient } from '@bkg/sdk/client';

const [afterSecs = '0.5'] = process.argv.slice(2);
await using client = await connectClient();
try {
  const signal = AbortSignal.timeout(1_000 * Number(afterSecs));
  console.log(await client.invoke('hello-typescript', 'wait', { ms: 20_000 }, { signal }));
} catch (error) {
  if (!(error instanceof CancelledError)) throw error;
  console.log(error.code);
}
