import { BkgError, headerNames, isRecord, isSubjectToken, ordererOf, pluginIdOf, subjects } from '@bkg/sdk';
import type { AuditEvent } from '@bkg/sdk';
import type { BkgContext } from '@bkg/sdk/nest';
import type { AuditWriter } from '@bkg/sdk/access';
import { refuseOurNames } from '../read-order.ts';
import { describeOrder } from './describe-order.ts';

export interface OrdersOptions {
  audit: Pick<AuditWriter, 'write'>;
  /** Who orders something is known by its subject only: on others what is an admin's is refused. */
  vouchedOnly: boolean;
}

/** An order as it is to be carried out. */
export interface Order {
  id: string;
  /** Says by whom, as far as the broker vouches for it. */
  body: unknown;
  /** Whether it may bring back other values of `env` and `sandbox`. */
  mayRestoreAll: boolean;
}

type Orderer = Pick<AuditEvent, 'who' | 'via' | 'from'> & { isVouched: boolean; isAdmin: boolean };

/** What is an admin's to change. */
const reserved = ['env', 'sandbox'];

const idMostChars = 64;
const fromMostChars = 64;

/** The door through which orders come: here it is found out who gives them, and noted what has become of them. */
export class Orders {
  readonly #options: OrdersOptions;

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /** @throws what `work` throws; BkgError FORBIDDEN, INVALID_PAYLOAD */
  async carry<T>(
    verb: string,
    context: Pick<BkgContext, 'subject' | 'header'>,
    body: unknown,
    work: (order: Order) => Promise<T>,
  ): Promise<T> {
    const { vouchedOnly } = this.#options;
    const id = pluginIdOf(context.subject);
    const orderer = ordererIn(context);
    const { isVouched, isAdmin, ...whom } = orderer;
    const noted = (error?: unknown): void =>
      this.#options.audit.write({
        ...whom,
        who: whom.who.slice(0, idMostChars),
        action: `control.${verb}`,
        target: id.slice(0, idMostChars),
        result: error === undefined ? 'ok' : error instanceof BkgError ? error.code : 'INTERNAL',
        ...describeOrder(verb, body, isVouched, error),
      });
    try {
      if (isVouched) refuseForeignName(whom.who);
      else if (vouchedOnly && verb === 'configure') refuseReserved(id, body);
      const result = await work({
        id,
        body: isVouched ? by(whom.who, body) : body,
        mayRestoreAll: !vouchedOnly || (isVouched && isAdmin),
      });
      noted();
      return result;
    } catch (error) {
      noted(error ?? new Error('it failed'));
      throw error;
    }
  }

  /** Only who runs the mesh can order its end. */
  async carryShutdown<T>(work: () => Promise<T>): Promise<T> {
    const { audit, vouchedOnly } = this.#options;
    const known = vouchedOnly
      ? ({ who: 'bkg', via: 'mesh' } as const)
      : ({ who: '?', via: 'broker' } as const);
    audit.write({ ...known, from: '', action: 'control.shutdown', target: 'bkg', result: 'ok' });
    return work();
  }
}

function ordererIn(context: Pick<BkgContext, 'subject' | 'header'>): Orderer {
  const who = ordererOf(context.subject);
  if (who === undefined) return { who: '?', via: 'broker', from: '', isVouched: false, isAdmin: false };
  // Who else may publish there would only say it of itself.
  const from = context.header(headerNames.from)?.slice(0, fromMostChars) ?? '';
  // Without a gateway in between only an admin may publish there.
  const isAdmin = from === '' || context.header(headerNames.admin) === '1';
  return { who, via: from === '' ? 'broker' : 'http', from, isVouched: true, isAdmin };
}

/** With a broker that lets anybody publish anything. @throws BkgError INVALID_PAYLOAD */
function refuseForeignName(who: string): void {
  if (!isSubjectToken(who))
    throw new BkgError(
      'INVALID_PAYLOAD',
      `"${who.slice(0, idMostChars)}" is not the public part of a key: the subject ends with .by.<prefix>.`,
    );
  refuseOurNames(who);
}

/** @throws BkgError FORBIDDEN */
function refuseReserved(id: string, body: unknown): void {
  const given = reserved.filter((name) => Object.hasOwn(Object(body) as object, name));
  if (given.length === 0) return;
  throw new BkgError(
    'FORBIDDEN',
    `Who orders it is not known here, and ${given.map((name) => `"${name}"`).join(' and ')} only an admin may change: order it with the key of an admin, over HTTP or on ${subjects.controlBy('configure', id.slice(0, idMostChars), '<prefix>')} as that key.`,
  );
}

/** What is no object is refused by who reads it. */
function by(who: string, body: unknown): unknown {
  if (body == null) return { by: who };
  return isRecord(body) ? { ...body, by: who } : body;
}
