/** A certificate authority of a test's own, and what it signed: one certificate for servers, one for clients. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  clientCert: string;
  clientKey: string;
}

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2'.split(' ');
/** etcd's gateway is a client of its own server, and shows the server's certificate there. */
const BOTH = 'extendedKeyUsage=serverAuth,clientAuth';

/**
 * Files in `folder`. The server is believed at `addresses`. The client's names no common name: where etcd has users of
 * its own, its gateway takes no certificate that names one.
 */
export function certificates(
  folder: string,
  addresses: readonly string[] = ['127.0.0.1'],
  client = '/O=node',
): Certificates {
  const file = (name: string) => join(folder, name);
  const sign = (name: string, subject: string, ...words: string[]) => {
    const made = ['-subj', subject, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
    execFileSync('openssl', ['req', '-x509', ...NEW_KEY, ...made, ...words], { stdio: 'pipe' });
  };
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE'];
  const byCa = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), ...leaf];
  const names = addresses.map((address) => `IP:${address}`).join(',');
  sign('ca', '/CN=the authority of a test');
  sign('server', '/O=etcd', ...byCa, '-addext', BOTH, '-addext', `subjectAltName=${names}`);
  sign('client', client, ...byCa, '-addext', 'extendedKeyUsage=clientAuth');
  return {
    ca: file('ca.crt'),
    cert: file('server.crt'),
    key: file('server.key'),
    clientCert: file('client.crt'),
    clientKey: file('client.key'),
  };
}
