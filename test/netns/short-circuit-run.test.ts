/**
 * `rsc` of `vtep run` beside the kernel's: neighbours from the host's own table, the router's entry by a verb, and what
 * leaves is the same.
 *
 *   ours   [ vtep run vx0 rsc ] 192.0.2.1 ──── ourEnd
 *   theirs [ vx0 rsc ]          192.0.2.1 ──── theirEnd
 */
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Lab } from '../support/netns.ts';
import { scapy } from '../support/scapy.ts';
import { openTwins, outward } from '../support/twins.ts';
import { MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const ROUTER = '02:00:00:00:00:0f';
const NEIGHBORS = {
  '10.2.0.32': '02:00:00:00:00:20',
  '10.2.0.33': ROUTER,
  '10.2.0.34': '02:00:00:00:00:22',
  'fd02::20': '02:00:00:00:00:20',
};
/** Where 02:00:00:00:00:22 is, nobody knows. */
const ENTRIES = [`${ROUTER} dev vx0 dst 192.0.2.3 router`, '02:00:00:00:00:20 dev vx0 dst 192.0.2.4'];
const STRANGERS = ['192.0.2.3', '192.0.2.4'];

const MAKE = `
def packet(to="${ROUTER}", ip4=None, ip6=None, ttl=64):
    ip = IP(src="10.0.0.1", dst=ip4, ttl=ttl) if ip4 else IPv6(src="fd00::1", dst=ip6, hlim=ttl)
    return bytes(Ether(src="02:00:00:00:00:55", dst=to)/ip/UDP(sport=1, dport=2)/Raw(b"x" * 30)).hex()
answer([packet(**each) for each in given])
`;
const FRAMES = scapy<string[]>(MAKE, [
  { ip4: '10.2.0.32' },
  { ip4: '10.2.0.32', ttl: 1 },
  { ip6: 'fd02::20' },
  { ip4: '10.2.0.33' }, // the router itself
  { ip4: '10.2.0.34' }, // then to the default destination
  { ip4: '10.2.0.99' }, // nobody knows: to the router
  { ip6: 'fd02::99' },
  { ip4: '10.2.0.32', to: '02:00:00:00:00:77' },
]);

const lab = new Lab();
afterAll(() => lab.close());

it.each([
  ['rsc', 3],
  ['norsc', 0],
])('%s leads where the kernel leads', async (word, count) => {
  const socket = join(lab.folder(), 'socket');
  const twins = await openTwins(
    lab,
    `remote 192.0.2.2 local 192.0.2.1 ${word}`,
    `df unset --offload off --socket ${socket}`,
  );
  const vtep = (...words: string[]) => twins.ours.run(process.execPath, MAIN, '--socket', socket, ...words);
  for (const host of [twins.ours, twins.theirs]) {
    await host.run('sysctl', '-qw', 'net.ipv6.conf.vx0.addr_gen_mode=1', 'net.ipv6.conf.vx0.disable_ipv6=0');
    host.ip(...STRANGERS.map((ip) => `neigh add ${ip} lladdr 02:00:00:00:01:03 dev eth0`));
    for (const [ip, mac] of Object.entries(NEIGHBORS)) {
      host.ip(`neigh add ${ip} lladdr ${mac} dev vx0 nud permanent`);
    }
  }
  for (const entry of ENTRIES) {
    await twins.theirs.run('bridge', 'fdb', 'add', ...entry.split(' '));
    await vtep('fdb', 'add', ...entry.split(' '));
  }
  const known = async () => (await vtep('neigh', 'show')).trim().split('\n').length;
  await waitFor(async () => (await known()) === Object.keys(NEIGHBORS).length, 'the neighbours to be known');

  const { ours, theirs } = await outward(twins, FRAMES);
  expect(theirs.filter(([, , , , inner]) => inner.startsWith('02000000002002000000000f'))).toHaveLength(
    count,
  );
  expect(ours).toEqual(theirs);
});
