import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Files of a server's certificate and its key, and of the certificate of who has signed it. */
export interface TestCertificates {
  cert: string;
  key: string;
  ca: string;
}

/**
 * Makes an authority and a certificate for a server, by openssl, valid for a day.
 * @param folder where they are put
 * @param names as a certificate has them: `IP:127.0.0.1`, `DNS:localhost`
 */
export function createCertificates(folder: string, names: readonly string[]): TestCertificates {
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const ca = file('ca.pem');
  openssl('req', '-x509', ...key, '-days', '1', '-subj', '/CN=test', '-keyout', file('ca.key'), '-out', ca);
  const made = { cert: file('server.pem'), key: file('server.key'), ca };
  openssl('req', ...key, '-subj', '/CN=server', '-keyout', made.key, '-out', file('server.csr'));
  writeFileSync(file('server.ext'), `subjectAltName=${names.join(',')}\n`);
  const by = ['-CA', ca, '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '1'];
  openssl(
    'x509',
    '-req',
    '-in',
    file('server.csr'),
    ...by,
    '-extfile',
    file('server.ext'),
    '-out',
    made.cert,
  );
  return made;
}
