/**
 * The command against an etcd that wants a client certificate, a name and a password.
 *
 *   a 192.0.2.1 ── switch ── 192.0.2.100 etcd, HTTPS, with users
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, certificates } from '../support/certificates.ts';
import { FlannelLab, type FlannelNode, PREFIX } from '../support/flannel.ts';
import { Lab } from '../support/netns.ts';
import { MAIN } from '../support/vtep-process.ts';

const PASSWORD = 'of=a node, "quoted"';

describe('an etcd that asks who we are', () => {
  const lab = new Lab();
  let flannel: FlannelLab;
  let a: FlannelNode;
  let files: Certificates;
  let password: string;
  let tls: string[];

  beforeAll(async () => {
    files = certificates(lab.folder(), ['192.0.2.100', '127.0.0.1']);
    flannel = await FlannelLab.open(lab, { tls: files });
    await flannel.etcd.enableAuth('node', PASSWORD, PREFIX);
    a = flannel.node('a', 1);
    password = join(lab.folder(), 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    tls = [
      `--etcd-cafile=${files.ca}`,
      `--etcd-certfile=${files.clientCert}`,
      `--etcd-keyfile=${files.clientKey}`,
    ];
  }, 60_000);
  afterAll(() => flannel.close());

  const init = (...words: string[]) => a.verb('init', '--network', '10.5.0.0/16', ...words);
  const login = () => ['--etcd-username', 'node', '--etcd-password-file', password];

  it.each([
    ['no certificate at all', () => [], /192\.0\.2\.100:2379.*certificate/],
    ['no name', () => tls, /user name is empty|permission|auth/],
    [
      'a wrong password',
      () => [...tls, '--etcd-username=node', '--etcd-password=other'],
      /invalid user ID or password|authentication failed/,
    ],
    [
      'a file that is not there',
      () => ['--etcd-cafile', '/nowhere/ca.crt'],
      /\/nowhere\/ca\.crt cannot be read \(ENOENT\)/,
    ],
    [
      'a password file that is not there',
      () => [...tls, '--etcd-username=node', '--etcd-password-file=/nowhere'],
      /\/nowhere cannot be read \(ENOENT\)/,
    ],
  ])('says no in a sentence to %s', async (_, words, sentence) => {
    const error = await init(...words()).catch((each) => each as Error & { stderr: string });
    expect((error as { stderr: string }).stderr).toMatch(sentence);
    expect((error as { stderr: string }).stderr).not.toContain('    at ');
  });

  it('lets us in, by words and a file', async () => {
    expect(JSON.parse(await init(...tls, ...login()))).toHaveProperty('Network', '10.5.0.0/16');
    await a.start(...tls, ...login());
    expect((await a.status()).own.standing).toBe('held');
    expect(readFileSync(`/proc/${a.run.pid}/cmdline`, 'utf8')).not.toContain(PASSWORD);
  });

  it('lets us in by the environment, as flanneld has it', async () => {
    const environment = {
      FLANNELD_ETCD_ENDPOINTS: flannel.etcd.url,
      FLANNELD_ETCD_CAFILE: files.ca,
      FLANNELD_ETCD_CERTFILE: files.clientCert,
      FLANNELD_ETCD_KEYFILE: files.clientKey,
      FLANNELD_ETCD_USERNAME: 'node',
      FLANNELD_ETCD_PASSWORD: PASSWORD,
    };
    const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const command = [process.execPath, MAIN, 'flannel', 'init', '--network', '10.6.0.0/16'];
    await expect(a.host.run('env', ...words, ...command)).rejects.toThrow(/has a config already/);
  });

  it('is left by what the state remembers, in which no password stands', async () => {
    await a.end('SIGKILL');
    expect(readFileSync(join(a.state, 'node.json'), 'utf8')).not.toContain(PASSWORD);
    const words = ['flannel', 'leave', '--state', a.state, '--socket', a.socket];
    expect(await a.host.run(process.execPath, MAIN, ...words)).toContain('the lease was given back');
    expect(await flannel.lease(a)).toBeUndefined();
  });
});
