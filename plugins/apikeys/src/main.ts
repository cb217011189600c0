import { accessPlugin, runPlugin } from '@bkg/sdk';
import { createApikeys } from './apikeys.ts';

await runPlugin({
  id: accessPlugin,
  define: ({ credentials: { callout } }) =>
    createApikeys({ ...(callout && { issuerSeed: callout.issuer_seed }) }),
});
