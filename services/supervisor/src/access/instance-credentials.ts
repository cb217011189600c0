import { accessPlugin, coreInbox } from '@bkg/sdk';
import type { Credentials, InstanceIdentity } from '@bkg/sdk';
import { createInstanceToken, instanceName } from '@bkg/sdk/access';

/**
 * What an instance shows to the broker: a token of its own. Where the broker asks nobody, it is what we show ourselves.
 * @param own ours
 * @param isOurs its code lies in the project's own folder of plugins
 */
export function instanceCredentials(
  own: Credentials,
  identity: InstanceIdentity,
  isOurs: boolean,
): Credentials {
  const { user, password, callout, ca_file } = own;
  const tls = { ...(ca_file !== undefined && { ca_file }) };
  if (!callout) return { user, password, ...tls };
  const token = createInstanceToken(callout.issuer_seed, identity);
  return {
    user: instanceName(identity),
    password: token,
    ...tls,
    // It answers the broker beside us, and keeps the keys in a bucket of its own.
    ...(identity.plugin === accessPlugin &&
      isOurs && { core_inbox: coreInbox(accessPlugin, identity.instance), callout }),
  };
}
