import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { hideSecrets, jsonOrUndefined, keyPrefixPattern, subjects } from '@bkg/sdk';
import type { AuditEvent, KeyEvent, Logger } from '@bkg/sdk';
import { AuditWriter, Keeper, KeyVerifier, Refusals } from '@bkg/sdk/access';
import { Attempts } from './attempts.ts';
import type { AttemptsOptions } from './attempts.ts';
import { Callers } from './callers.ts';
import { clientAddress } from './client-address.ts';
import { KnownSecrets } from './known-secrets.ts';
import { SessionCookie } from './session-cookie.ts';

/** What all need who ask who somebody is. */
export interface Access {
  keeper: Keeper;
  verifier: KeyVerifier;
  callers: Callers;
  known: KnownSecrets;
  attempts: Attempts;
  refusals: Refusals;
  cookie: SessionCookie;
  /** Where a request comes from. */
  addressOf: (request: FastifyRequest) => string;
}

declare module 'fastify' {
  interface FastifyInstance {
    access: Access;
  }
}

export interface AccessLinkOptions {
  log: Logger;
  publicUrl?: URL;
  attempts?: AttemptsOptions;
}

/** Decorates `access`, which hears of every key that changes. */
export const accessLink = fp<AccessLinkOptions>(
  async (app, { log, publicUrl, attempts }) => {
    const { broker } = app;
    const keeper = new Keeper(broker);
    const verifier = new KeyVerifier({ keeper });
    const audit = new AuditWriter({ asker: broker, log });
    const callers = new Callers({ keeper, verifier, log });
    const refusals = new Refusals({ write: (event) => audit.write(shown(event)) });
    app.decorate('access', {
      keeper,
      verifier,
      callers,
      known: new KnownSecrets(),
      attempts: new Attempts(attempts),
      refusals,
      cookie: new SessionCookie(publicUrl?.protocol === 'https:'),
      addressOf: (request) => clientAddress(request, publicUrl !== undefined),
    });
    let isHearing = false;
    const follow = (connected: boolean): void => {
      if (!connected) return;
      if (isHearing) return callers.recheckAll();
      isHearing = true;
      broker.subscribe(subjects.keyChanged('*'), ({ data }) => {
        const { prefix } = Object(jsonOrUndefined(data)) as Partial<KeyEvent>;
        if (typeof prefix === 'string' && keyPrefixPattern.test(prefix)) callers.changed(prefix);
        else log.error('the plugin apikeys has told of something that is no key');
      });
    };
    broker.onStatus(follow);
    if (broker.connected) follow(true);
    app.addHook('onClose', async () => {
      callers.close();
      verifier.close();
      refusals.close();
      await audit.close();
    });
  },
  { name: 'access-link', dependencies: ['broker-link'] },
);

/** What was refused names what was asked for, in which somebody may have put a key. */
function shown<Event extends Pick<AuditEvent, 'target' | 'detail'>>(event: Event): Event {
  const { target, detail } = event;
  return {
    ...event,
    target: hideSecrets(target),
    ...(detail !== undefined && { detail: hideSecrets(detail) }),
  };
}
