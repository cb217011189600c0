import type { Permissions } from '../protocol/permissions.ts';

export interface NatsUser {
  user: string;
  password: string;
  /** @default everything */
  permissions?: Permissions;
}

export interface NatsAccess {
  /** Whom nats-server knows itself; of everybody else it asks. */
  users: readonly NatsUser[];
  /** Of the system's account, where connections are listed and closed. */
  system: Pick<NatsUser, 'user' | 'password'>;
  /** The public key of the account that signs the answers. */
  issuer: string;
}

const timeoutSecs = 5;
/** What a client shows is one line, and an instance with many `needs` shows a long token. */
const mostLine = '32KB';

/** The part of nats-server's configuration that says who may connect, and what then. */
export function natsAccess({ users, system, issuer }: NatsAccess): string {
  const known = [...users, system].map(({ user }) => quote(user)).join(', ');
  return `max_control_line: ${mostLine}
authorization {
  timeout: ${timeoutSecs}
  users: [
${users.map((user) => `    ${userText(user)}`).join('\n')}
  ]
  auth_callout { issuer: ${quote(issuer)}, auth_users: [${known}] }
}
accounts { SYS { users: [ ${userText(system)} ] } }
system_account: SYS
`;
}

function userText({ user, password, permissions }: NatsUser): string {
  const more = permissions ? `, permissions: ${JSON.stringify(permissions)}` : '';
  return `{ user: ${quote(user)}, password: ${quote(password)}${more} }`;
}

/** Quoted, a text is one value whatever it holds; nats-server knows JSON's escapes of quote and backslash. */
function quote(text: string): string {
  return JSON.stringify(text);
}
