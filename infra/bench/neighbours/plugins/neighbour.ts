/** A plugin with the SDK that answers at once, in the way the load expects. */
import { capability, definePlugin, runPlugin, Type } from '@bkg/sdk';

const { BKG_PLUGIN_ID: id = '', BKG_VERSION: version = '', BKG_INSTANCE_ID: instance = '' } = process.env;

await runPlugin(
  definePlugin({
    id,
    version,
    description: 'Answers at once.',
    capabilities: {
      work: capability({
        description: 'Says who it is.',
        input: Type.Object({ id: Type.String(), ms: Type.Integer() }),
        output: Type.Object({ id: Type.String(), instance: Type.String(), version: Type.String() }),
        handler: (_, { invocationId }) => ({ id: invocationId, instance, version }),
      }),
    },
  }),
);
