/**
 * An ordinary user on a TAP that root prepared: no capability at all, an empty bounding set.
 *
 *   a [ vx0, uid 65534 ] 192.0.2.1 ──── 192.0.2.2 [ vx0 of the kernel ] b
 *
 * The kernel's node is 0666 everywhere but in careful systems; a mount namespace stands in for either.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { commandForAll, TRANSPORTS, VtepProcess } from '../support/vtep-process.ts';

const NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs';
const WITHOUT_RIGHTS = '--bounding-set -all --inh-caps=-all';
const NET_ADMIN = '--inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin';

/** Starts vtep as nobody, where /dev/net/tun has these permissions. */
function startAsNobody(host: Host, mode: string, words: string, rights = WITHOUT_RIGHTS): VtepProcess {
  const node = 'mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200';
  const script = `${node} && chmod ${mode} /dev/net/tun && exec ${NOBODY} ${rights} ${process.execPath} ${commandForAll(host.lab)} run ${words}`;
  return new VtepProcess(host.spawn('unshare', '--mount', 'sh', '-c', script));
}

describe.each(TRANSPORTS)('as an ordinary user, --transport %s', (transport) => {
  const lab = new Lab();
  let a: Host;
  let b: Host;
  beforeAll(() => {
    a = lab.host('a');
    b = lab.host('b');
    lab.cable(a, ['192.0.2.1/24'], b, ['192.0.2.2/24']);
    b.ip(
      'link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0',
      'address add 10.0.0.2/24 dev vx0',
    );
    b.ip('link set vx0 up');
    a.ip(
      'tuntap add dev vx0 mode tap user 65534',
      'address add 10.0.0.1/24 dev vx0',
      'link set vx0 mtu 1450 up',
    );
  });
  afterAll(() => lab.close());

  it('carries traffic without a capability', async () => {
    const vtep = startAsNobody(a, '0666', `vx0 id 42 remote 192.0.2.2 --transport ${transport}`);
    await vtep.ready();
    const status = await a.run('cat', `/proc/${vtep.pid}/status`);
    expect(status).toMatch(/^Uid:\s65534/m);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect(status).toMatch(new RegExp(`^${set}:\\s0+$`, 'm'));
    expect(await a.ping('10.0.0.2')).toBe(2);
    expect(await b.ping('10.0.0.1')).toBe(2);
    expect((await vtep.stop()).code).toBe(0);
    expect(await a.run('ip', 'address', 'show', 'vx0')).toContain('10.0.0.1/24');
  });

  it('names the chmod where the device may not be opened', async () => {
    const { code, stderr } = await startAsNobody(a, '0600', `vx0 id 42 --transport ${transport}`).ended();
    expect(code).toBe(2);
    expect(stderr).toContain('chmod 0666 /dev/net/tun');
    expect(stderr).not.toContain('    at ');
  });

  it('names the command that prepares a TAP where there is none', async () => {
    const { code, stderr } = await startAsNobody(a, '0666', `vx1 id 43 --transport ${transport}`).ended();
    expect(code).toBe(2);
    expect(stderr).toContain('ip tuntap add dev vx1 mode tap user 65534');
    expect(await a.run('ip', 'link')).not.toContain('vx1');
  });
});

describe('a user with CAP_NET_ADMIN alone', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('makes the TAP, and is told what may not be asked', async () => {
    const vtep = startAsNobody(lab.host('a'), '0666', 'vx0 id 42', NET_ADMIN);
    await vtep.ready();
    const { code, stderr } = await vtep.stop();
    expect(code).toBe(0);
    expect(stderr).toMatch(/no tnl: what this host does with packets cannot be told \((EPERM|EACCES)\)\n/);
  });
});
