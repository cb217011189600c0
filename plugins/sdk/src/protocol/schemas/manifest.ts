import { needPattern } from '../manifest.ts';
import type { Manifest } from '../manifest.ts';
import { versionPattern } from '../names.ts';
import { configSchemas } from './config.ts';
import { anything, closed, flag, listOf, number, object, text } from './schema.ts';

/** Of `plugin.json`, which a person writes: what it does not know is a mistake. */
export const manifestSchema = closed(
  object<Manifest>(
    {
      id: text('The plugin id.'),
      version: text('Semantic Versioning 2.0.0.', { pattern: versionPattern.source }),
      command: {
        ...listOf(
          text('The program, or an argument.', { minLength: 1 }),
          "Program and arguments, run in the plugin's folder.",
        ),
        minItems: 1,
      },
    },
    {
      name: text('For people.'),
      description: text('For people.'),
      author: text('For people.'),
      autostart: flag('Whether it starts with the mesh when nobody has ever started or stopped it.'),
      single_writer: flag('It has one instance at most, and the old one ends before a new one starts.'),
      self_test: object<NonNullable<Manifest['self_test']>>({
        capability: text('The capability id.'),
        payload: anything("The capability's payload."),
      }),
      start_timeout_secs: number('How long it may take until it is ready.', {
        exclusiveMinimum: 0,
        maximum: 600,
      }),
      needs: {
        ...listOf(
          text('`<plugin id>:<capability pattern>`', { pattern: needPattern.source }),
          'What it invokes of others.',
        ),
        maxItems: 64,
      },
      config: configSchemas.ConfigPatch,
    },
  ),
);
