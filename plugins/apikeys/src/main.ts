import { accessPlugin, runPlugin } from '@bkg/sdk';
import { createApikeys } from './apikeys.ts';

await runPlugin({ id: accessPlugin, define: () => createApikeys() });
