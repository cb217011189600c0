import { coreInbox, gatewayPermissions } from '@bkg/sdk';
import type { Credentials } from '@bkg/sdk';
import type { NatsUser } from '@bkg/sdk/access';
import type { AccessSecrets } from './access-secrets.ts';

const users = { supervisor: 'supervisor', gateway: 'gateway', sys: 'sys' } as const;

/** What each of our parts shows to our own nats-server. */
export interface OwnCredentials {
  /** Also of `bkg up` and of who has this machine: it may do everything, and says of everybody else who they are. */
  supervisor: Credentials;
  gateway: Credentials;
}

/** @param caFile of the certificate that nats-server shows; undefined when it needs none */
export function ownCredentials(secrets: AccessSecrets, caFile: string | undefined): OwnCredentials {
  const tls = { ...(caFile !== undefined && { ca_file: caFile }) };
  return {
    supervisor: {
      user: users.supervisor,
      password: secrets.supervisor,
      core_inbox: coreInbox('supervisor'),
      callout: { issuer_seed: secrets.issuer_seed },
      system: { user: users.sys, password: secrets.sys },
      ...tls,
    },
    gateway: {
      user: users.gateway,
      password: secrets.gateway,
      core_inbox: coreInbox('gateway'),
      ...tls,
    },
  };
}

/** Whom nats-server knows itself. */
export function ownUsers(secrets: AccessSecrets): NatsUser[] {
  return [
    { user: users.supervisor, password: secrets.supervisor },
    { user: users.gateway, password: secrets.gateway, permissions: gatewayPermissions() },
  ];
}

/** Who may list connections and close them. */
export function ownSystemUser(secrets: AccessSecrets): Pick<NatsUser, 'user' | 'password'> {
  return { user: users.sys, password: secrets.sys };
}
