/**
 * Who may talk to the gateway from a browser. A page of any site can send requests to localhost, and by DNS rebinding
 * it can do so under a name of its own: hence the check of Host. Origin tells our own page from all others.
 */

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const wildcards = new Set(['0.0.0.0', '::']);

/** The values of Host that are ours: the loopback names, the address we were told to listen on, and the public one. */
export function ownHosts(host: string, port: number, publicUrl?: URL): ReadonlySet<string> {
  const names = new Set(loopbackNames);
  if (!wildcards.has(host)) names.add(host.includes(':') ? `[${host}]` : host.toLowerCase());
  const withPort = [...names].map((name) => `${name}:${port}`);
  // Clients leave the default port out.
  return new Set([
    ...withPort,
    ...(port === 80 ? names : []),
    ...(publicUrl ? [publicUrl.host, `${publicUrl.hostname}:${publicPort(publicUrl)}`] : []),
  ]);
}

function publicPort({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

/**
 * Why a request is refused, as a sentence for people; undefined when it may pass.
 * @param origin absent from everything but browsers, and from their plain page loads
 * @param publicUrl its pages are ours, too, whatever name the proxy in between calls us by
 */
export function refusal(
  hosts: ReadonlySet<string>,
  host: string | undefined,
  origin: string | undefined,
  publicUrl?: URL,
): string | undefined {
  const given = host?.toLowerCase();
  if (given === undefined || !hosts.has(given)) {
    return `The Host header is ${quote(host)}; this gateway answers to ${[...hosts].join(', ')} only.`;
  }
  if (origin !== undefined && origin !== `http://${given}` && origin !== publicUrl?.origin) {
    const own = publicUrl && given === publicUrl.host ? publicUrl.origin : `http://${given}`;
    return `The Origin header is ${quote(origin)}; only pages of ${own} itself may send requests here.`;
  }
  return undefined;
}

function quote(value: string | undefined): string {
  return value === undefined ? 'missing' : `"${value.slice(0, 200)}"`;
}
