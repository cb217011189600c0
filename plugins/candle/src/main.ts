import { resolve } from 'node:path';
import { runPlugin } from '@bkg/sdk';
import { createCandle } from './candle.ts';

await runPlugin({
  id: 'candle',
  define: ({ config, dataDir, home }) =>
    // Without BKG_HOME candle was started by hand; the SDK then puts the data folder below this, too.
    createCandle({ settings: config.settings, dataDir, homeDir: home ?? resolve('.bkg') }),
});
