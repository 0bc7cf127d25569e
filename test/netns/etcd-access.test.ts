/**
 * Who may speak to etcd: a client certificate as transport, a name and a password as identity.
 *
 *   registry ── HTTPS on loopback ── etcd with users of its own
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdRegistry } from '../../src/flannel/registry/etcd/registry.ts';
import { readTls, type TlsFiles } from '../../src/flannel/registry/etcd/tls-files.ts';
import { RegistryError } from '../../src/flannel/registry/registry.ts';
import { type Certificates, certificates } from '../support/certificates.ts';
import { Etcd } from '../support/etcd.ts';
import { Lab } from '../support/netns.ts';
import { Followed } from '../support/registry-contract.ts';

const PREFIX = '/coreos.com/network';
const LOGIN = { name: 'node', password: 'of-a-node' };
const lab = new Lab();
const registries: EtcdRegistry[] = [];
let etcd: Etcd;
let files: Certificates;

beforeAll(async () => {
  files = certificates(lab.folder());
  etcd = await Etcd.start(lab, { tls: files });
  await etcd.enableAuth(LOGIN.name, LOGIN.password, PREFIX);
}, 60_000);
afterAll(async () => {
  for (const registry of registries) registry.close();
  await lab.close();
});

interface Way {
  tls?: TlsFiles;
  login?: typeof LOGIN;
  prefix?: string;
  url?: string;
}

function registryBy({ tls, login = LOGIN, prefix = PREFIX, url = etcd.url }: Way = {}): EtcdRegistry {
  const own = { ca: files.ca, cert: files.clientCert, key: files.clientKey };
  const registry = new EtcdRegistry({ endpoints: [url], prefix, login, tls: readTls(tls ?? own) });
  registries.push(registry);
  return registry;
}

async function complaint(registry: EtcdRegistry): Promise<string> {
  const error = await registry.read().catch((reason) => reason);
  expect(error).toBeInstanceOf(RegistryError);
  return error.message.replace(`etcd at ${etcd.url}: `, '');
}

/** Certificates that etcd knows nothing of. */
const stranger = () => certificates(lab.folder());

it('certificate, name and password in one: everything works, and goes on when the token is refused', async () => {
  const registry = registryBy();
  const idle = registryBy();
  await idle.read();
  const revision = (await registry.create('10.5.1.0-24', 'x', 3600)) as number;
  expect(await registry.timeLeft('10.5.1.0-24')).toBeGreaterThan(3500);
  const followed = new Followed();
  registry.watch(revision, followed);
  expect(await registry.writeConfig('{}', false)).toBe(true);
  await followed.until(1);
  // its tokens die with it
  await etcd.restart('SIGTERM');
  expect((await idle.read()).entries.length).toBe(1);
  await followed.untilEnded();
  const again = new Followed();
  registry.watch((await registry.read()).revision, again);
  const renewed = (await registry.renew('10.5.1.0-24', 'y', 3600, revision)) as number;
  expect(renewed).toBeGreaterThan(revision);
  await again.until(1);
  expect(await registry.remove('10.5.1.0-24', renewed)).toBe(true);
  await again.until(2);
  expect(again.reasons).toEqual([]);
});

it('goes on when the users of etcd were changed, which makes a signed token old', async () => {
  const [secret, open] = ['jwt.key', 'jwt.pub'].map((name) => join(lab.folder(), name));
  execFileSync('openssl', ['genrsa', '-out', secret, '2048'], { stdio: 'pipe' });
  execFileSync('openssl', ['rsa', '-in', secret, '-pubout', '-out', open], { stdio: 'pipe' });
  const jwt = `jwt,pub-key=${open},priv-key=${secret},sign-method=RS256,ttl=10m`;
  const signing = await Etcd.start(lab, { words: ['--auth-token', jwt] });
  await signing.enableAuth(LOGIN.name, LOGIN.password, PREFIX);
  const registry = registryBy({ url: signing.url });
  const followed = new Followed();
  registry.watch((await registry.read()).revision, followed);
  await signing.call('auth/role/add', { name: 'another' });
  const revision = (await registry.create('10.5.2.0-24', 'x', 3600)) as number;
  await followed.until(1);
  await signing.call('auth/role/delete', { role: 'another' });
  const late = new Followed();
  registry.watch(revision, late);
  expect(await registry.remove('10.5.2.0-24', revision)).toBe(true);
  await late.until(1);
  expect([...followed.reasons, ...late.reasons]).toEqual([]);
});

it.each([
  ['a wrong password', { login: { ...LOGIN, password: 'wrong' } }, 'it refuses the name or the password'],
  ['a wrong name', { login: { ...LOGIN, name: 'nobody' } }, 'it refuses the name or the password'],
  ["others' keys", { prefix: '/others' }, 'it does not permit us that ("etcdserver: permission denied")'],
])('%s is said', async (_, way, sentence) => {
  expect(await complaint(registryBy(way))).toContain(sentence);
});

it('a missing name is said, and a watch that may not be is ended with a reason', async () => {
  const plain = await Etcd.start(lab);
  await plain.enableAuth(LOGIN.name, LOGIN.password, PREFIX);
  const registry = new EtcdRegistry({ endpoints: [plain.url], prefix: PREFIX });
  registries.push(registry);
  await expect(registry.read()).rejects.toThrow(
    'it wants a name and a password ("etcdserver: user name is empty")',
  );
  const followed = new Followed();
  registryBy({ prefix: '/others' }).watch(1, followed);
  expect(await followed.untilEnded()).toContain('permission denied');
});

it.each([
  ['no certificate at all', () => ({ ca: files.ca }), 'it refuses our certificate, or misses one'],
  [
    'a certificate of another authority',
    () => {
      const { clientCert: cert, clientKey: key } = stranger();
      return { ca: files.ca, cert, key };
    },
    'it refuses our certificate, or misses one',
  ],
  [
    'an etcd whose authority we do not trust',
    () => ({ ca: stranger().ca, cert: files.clientCert, key: files.clientKey }),
    'its certificate is of no authority that we trust',
  ],
])('%s is said', async (_, tls, sentence) => {
  expect(await complaint(registryBy({ tls: tls() }))).toContain(sentence);
});

it('a host that the certificate does not name is said, and HTTP where HTTPS is spoken', async () => {
  const port = new URL(etcd.url).port;
  const other = registryBy({ url: `https://localhost:${port}` });
  expect(await complaint(other)).toContain('its certificate is not for this address');
  const plain = await Etcd.start(lab);
  const https = registryBy({ url: plain.url.replace('http', 'https') });
  expect(await complaint(https)).toContain('the connection was broken off: is it http://?');
  const http = registryBy({ url: etcd.url.replace('https', 'http') });
  expect(await complaint(http)).toContain('the connection was broken off: is it https://?');
});

it.each(['HTTP', 'HTTPS'])(
  'a name and a password are no harm where etcd has no users, over %s',
  async (scheme) => {
    const open = await Etcd.start(lab, scheme === 'HTTP' ? {} : { tls: files });
    const registry = registryBy({ url: open.url });
    expect(await registry.create('10.5.1.0-24', 'x', 3600)).toBe(2);
    // and asked for from the moment on that it has
    await open.enableAuth(LOGIN.name, LOGIN.password, PREFIX);
    expect((await registry.read()).entries.length).toBe(1);
  },
);

it('a certificate with a common name is refused by the gateway of an etcd with users, and that is said', async () => {
  const named = certificates(lab.folder(), ['127.0.0.1'], '/CN=node');
  const server = await Etcd.start(lab, { tls: named });
  const tls = { ca: named.ca, cert: named.clientCert, key: named.clientKey };
  const registry = registryBy({ tls, url: server.url });
  expect(await registry.create('10.5.1.0-24', 'x', 3600)).toBe(2);
  await server.enableAuth(LOGIN.name, LOGIN.password, PREFIX);
  await expect(registry.read()).rejects.toThrow('takes no client certificate that has a common name (CN)');
});

it('files that are missing or no certificates are said', () => {
  const missing = join(lab.folder(), 'missing.crt');
  expect(() => readTls({ ca: missing })).toThrow(new RegistryError(`${missing} cannot be read (ENOENT)`));
  expect(() => readTls({ cert: files.clientCert })).toThrow('one is missing');
  const broken = join(lab.folder(), 'broken.crt');
  writeFileSync(broken, 'no certificate');
  expect(() => readTls({ cert: broken, key: files.clientKey })).toThrow(
    `${broken}, ${files.clientKey}: a certificate and its key are expected there, in PEM`,
  );
  expect(readTls({ ca: files.ca }).ca).toBe(readFileSync(files.ca, 'utf8'));
});
