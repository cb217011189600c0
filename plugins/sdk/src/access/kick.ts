import type { Msg } from '@nats-io/nats-core';
import type { Connection } from '../connection.ts';
import { delay } from '../host/delay.ts';
import { jsonOrUndefined } from '../json.ts';
import type { Logger } from '../logger.ts';
import { BkgError } from '../protocol/errors.ts';
import { isRecord } from '../protocol/is-record.ts';
import { subjects } from '../protocol/subjects.ts';
import { prefixOfName } from './key-name.ts';

export interface KickerOptions {
  /** In the account of the system, where the server tells of connections and closes them. */
  connection: Connection;
  log: Logger;
  /** How many connections a server lists at once. @default 1024, which is its own most */
  pageSize?: number;
}

interface Open {
  server: string;
  cid: number;
  user: string;
}

/** For all that one call takes. */
const deadlineMs = 1_500;
/** The server may have been told to let somebody in, and not have noted the connection yet. */
const lookAgainMs = 100;
/** In a cluster nobody says how many servers will answer. */
const clusterAnswersMs = 300;
/** Of keys that are named in a line of the log. */
const loggedMost = 20;

/** Closes connections to the broker by the name that they were let in with. */
export class Kicker {
  readonly #options: KickerOptions;

  constructor(options: KickerOptions) {
    this.#options = options;
  }

  /**
   * Closes every connection of a name, on all servers of a cluster, and looks once more: one could just have been let in.
   * @returns how many were closed
   * @throws BkgError DEADLINE_EXCEEDED, PLUGIN_UNAVAILABLE while the broker is away
   */
  kick(name: string): Promise<number> {
    return this.#kick({ name }, (late) => this.#list(late, name));
  }

  /** The same for all connections of some keys. @param prefixes of the keys @returns and @throws as `kick` */
  kickKeys(prefixes: ReadonlySet<string>): Promise<number> {
    return this.#kick({ keys: [...prefixes].slice(0, loggedMost) }, async (late) => {
      const open = await this.#list(late);
      return open.filter(({ user }) => {
        const prefix = prefixOfName(user);
        return prefix !== undefined && prefixes.has(prefix);
      });
    });
  }

  /** The names of all connections that there are. @throws as `kick` */
  async names(): Promise<Set<string>> {
    const open = await this.#list(performance.now() + deadlineMs);
    return new Set(open.map(({ user }) => user));
  }

  async #kick(whose: object, list: (late: number) => Promise<Open[]>): Promise<number> {
    const { log } = this.#options;
    const late = performance.now() + deadlineMs;
    const closed = new Set<string>();
    for (let look = 0; look < 2; look += 1) {
      if (look > 0) await delay(lookAgainMs);
      const open = await list(late);
      await Promise.all(open.map((one) => this.#close(one, late)));
      for (const { server, cid } of open) closed.add(`${server} ${cid}`);
    }
    if (closed.size > 0) log.info({ ...whose, connections: closed.size }, 'connections were closed');
    return closed.size;
  }

  /** @param late as `performance.now()` gives it */
  async #list(late: number, user?: string): Promise<Open[]> {
    const { connection, pageSize = 1_024 } = this.#options;
    const isCluster = connection.nats.info?.cluster !== undefined;
    const found: Open[] = [];
    let servers = Infinity;
    for (let offset = 0; ; offset += pageSize) {
      const question = JSON.stringify({ auth: true, limit: pageSize, offset, ...(user && { user }) });
      const answers = isCluster
        ? await this.#askCluster(question, servers, late)
        : [await connection.request(subjects.connections, question, { timeoutMs: leftMs(late) })];
      servers = answers.length;
      const pages = answers.map(({ data }) => readPage(jsonOrUndefined(data)));
      // A name may come from somebody else's configuration, too: it is that or it is not.
      found.push(
        ...pages.flatMap(({ open }) => open).filter((one) => user === undefined || one.user === user),
      );
      if (pages.every(({ total }) => offset + pageSize >= total)) return found;
    }
  }

  /** @param most as many as have answered before: then nobody else is waited for */
  async #askCluster(question: string, most: number, late: number): Promise<Msg[]> {
    const { connection } = this.#options;
    const forMs = Math.min(clusterAnswersMs, leftMs(late));
    const answers = await connection.requestMany(subjects.connections, question, { forMs, most });
    if (answers.length > 0) return answers;
    throw new BkgError(
      'DEADLINE_EXCEEDED',
      `No nats-server has said within ${Math.ceil(forMs)} ms which connections it has.`,
    );
  }

  async #close({ server, cid }: Open, late: number): Promise<void> {
    const { connection } = this.#options;
    // An error in the answer is that it has gone by itself.
    await connection.request(subjects.kick(server), JSON.stringify({ cid }), { timeoutMs: leftMs(late) });
  }
}

function leftMs(late: number): number {
  return Math.max(1, late - performance.now());
}

/** What one server says of its connections. */
function readPage(answer: unknown): { open: Open[]; total: number } {
  const { data } = isRecord(answer) ? answer : {};
  if (!isRecord(data) || typeof data['server_id'] !== 'string' || !Array.isArray(data['connections']))
    throw new Error('A nats-server does not say which connections it has.');
  const { server_id: server, total, connections } = data;
  const open = connections
    .filter(isRecord)
    .flatMap(({ cid, authorized_user: user }) =>
      typeof cid === 'number' && typeof user === 'string' ? [{ server, cid, user }] : [],
    );
  return { open, total: typeof total === 'number' ? total : 0 };
}
