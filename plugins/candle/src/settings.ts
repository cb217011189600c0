import { Type, type Static } from '@bkg/sdk';

const defaults = {
  max_resident_models: 4,
  threads_per_model: 1,
  max_queue_per_model: 64,
  load_timeout_secs: 60,
  abandoned_run_secs: 5,
  max_output_bytes: 1_000_000,
  max_tensor_mb: 256,
};

/** What an operator can set of candle, below `settings` of its configuration. */
export const settingsSchema = Type.Object(
  {
    max_resident_models: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        default: defaults.max_resident_models,
        description:
          'Models in memory at the same time. The least recently used one that is not pinned makes room.',
      }),
    ),
    threads_per_model: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 128,
        default: defaults.threads_per_model,
        description: 'Threads of one run. More than there are idle cores make every run slower.',
      }),
    ),
    max_queue_per_model: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_000,
        default: defaults.max_queue_per_model,
        description: 'Invocations that wait for one model; one more is answered BUSY.',
      }),
    ),
    load_timeout_secs: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 3600,
        default: defaults.load_timeout_secs,
        description: 'Time for loading a model.',
      }),
    ),
    abandoned_run_secs: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 3600,
        default: defaults.abandoned_run_secs,
        description:
          'How long at most a run may go on that nobody waits for any more, when another process would take longer to be there; then its process is replaced.',
      }),
    ),
    max_output_bytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 67_108_864,
        default: defaults.max_output_bytes,
        description: 'Size of the outputs of one run as JSON. The broker takes messages of 1 MB.',
      }),
    ),
    max_tensor_mb: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_536,
        default: defaults.max_tensor_mb,
        description:
          'Raw tensors (tensor.infer) that all invocations together hold in memory, MiB, and the outputs of one run. What does not fit now is BUSY.',
      }),
    ),
  },
  { additionalProperties: false },
);

export type Settings = Required<Static<typeof settingsSchema>>;

/** The given settings, completed by the defaults that their schema tells everybody. */
export const completeSettings = (given: Static<typeof settingsSchema>): Settings => ({
  ...defaults,
  ...given,
});
