import { fileURLToPath } from 'node:url';
import { definePlugin, type PluginDefinition } from '@bkg/sdk';
import { ByteBudget } from './byte-budget.ts';
import { modelInfer } from './capabilities/model-infer.ts';
import { modelList } from './capabilities/model-list.ts';
import { modelLoad } from './capabilities/model-load.ts';
import { modelUnload } from './capabilities/model-unload.ts';
import { tensorInfer } from './capabilities/tensor-infer.ts';
import { Models } from './models.ts';
import { completeSettings, settingsSchema, type Settings } from './settings.ts';

export interface CandleOptions {
  /** BKG_HOME: models lie in `models/` and `hub/` below it. */
  homeDir: string;
  /** Shared by the instances of candle; the pins lie here. */
  dataDir: string;
  /** @default none: every setting has its own default */
  settings?: Partial<Settings>;
  /** @default the models that candle ships */
  bundledDir?: string;
  /** How long a start waits for models. @default 60000 */
  startWaitMs?: number;
}

const shipped = fileURLToPath(new URL('../models', import.meta.url));

/** The plugin `candle`: runs ONNX models, each in a process of its own. */
export function createCandle({
  settings = {},
  bundledDir = shipped,
  ...options
}: CandleOptions): PluginDefinition {
  const complete = completeSettings(settings);
  const models = new Models({ ...options, bundledDir, settings: complete });
  return definePlugin({
    id: 'candle',
    version: '0.2.0',
    name: 'Candle',
    description:
      'Runs ONNX models, each in a process of its own. Knows the language of a text out of the box.',
    author: 'bkg',
    settings: settingsSchema,
    capabilities: {
      'model.infer': modelInfer(models, complete.max_output_bytes),
      'model.list': modelList(models),
      'model.load': modelLoad(models),
      'model.unload': modelUnload(models),
      'tensor.infer': tensorInfer(models, new ByteBudget(complete.max_tensor_mb * 1024 ** 2)),
    },
    start: ({ log, signal }) => models.start(log, signal),
    stop: () => models.close(),
  });
}
