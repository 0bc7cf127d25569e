/** What `vtep flannel status` prints. */
import { describe, expect, it } from 'vitest';
import { span, statusText } from '../../../src/cli/flannel-status.ts';
import type { NodeStatus } from '../../../src/flannel/node-status.ts';

const WELL: NodeStatus = {
  registry: { name: 'etcd at http://192.0.2.9:2379', lastContact: 3 },
  network: { ipv4: '10.5.0.0/16' },
  own: { standing: 'held', key: '10.5.1.0-24', subnets: ['10.5.1.0/24'], secondsLeft: 83_400 },
  external: { dev: 'eth0', publicIps: ['192.0.2.1'] },
  tunnels: [
    {
      ...{ device: 'flannel.1', local: '192.0.2.1', mtu: 1450, vni: 1, port: 8472 },
      ...{ mac: '02:00:00:00:00:01', wanted: 1, programmed: 1, looked: 12 },
    },
  ],
  peers: [
    { subnet: '10.5.2.0/24', remote: '192.0.2.2', mac: '02:00:00:00:00:02', age: 95, programmed: true },
  ],
  refused: [],
  problems: [],
};

describe('the status of a node', () => {
  it('is a line for each thing', () => {
    expect(statusText(WELL)).toBe(
      [
        '10.5.1.0/24 at 192.0.2.1 dev eth0: held, 23 h 10 min left',
        'network 10.5.0.0/16 from etcd at http://192.0.2.9:2379: heard 3 s ago',
        'flannel.1 vni 1 dstport 8472 local 192.0.2.1 mtu 1450 lladdr 02:00:00:00:00:01: 1 of 1 peers programmed, looked at 12 s ago',
        '10.5.2.0/24 via 192.0.2.2 lladdr 02:00:00:00:00:02 age 1 min 35 s programmed',
      ].join('\n'),
    );
  });

  it('says what is wrong beside what it is wrong with, and shows no control characters of strangers', () => {
    const text = statusText({
      ...WELL,
      registry: { name: 'etcd', away: 'etcd: nobody listens there (ECONNREFUSED)' },
      own: {
        ...WELL.own,
        standing: 'taken',
        secondsLeft: undefined,
        problem: 'it is the node 192.0.2.7 now',
      },
      peers: [{ ...WELL.peers[0], programmed: false, problem: "the route is somebody else's (EEXIST)" }],
      refused: [{ key: 'x\u001b[2J', reason: 'key', sentence: 'a lease is called as its subnet is' }],
      problems: ['--bridge eth0: no bridge (EEXIST)'],
    });
    const lines = text.split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '10.5.1.0/24 at 192.0.2.1 dev eth0: taken',
      '    it is the node 192.0.2.7 now',
      'network 10.5.0.0/16 from etcd: etcd: nobody listens there (ECONNREFUSED)',
    ]);
    expect(text).toContain('age 1 min 35 s not programmed: the route is somebody else');
    expect(text).toContain('1 lease is not used (key 1):\n    "x\\u001b[2J": a lease is called');
    expect(lines.at(-1)).toBe('problem: --bridge eth0: no bridge (EEXIST)');
    expect(text).not.toContain('\u001b');
  });

  it('of a node that has just begun says so', () => {
    const begun: NodeStatus = {
      registry: { name: 'etcd' },
      own: { standing: 'none', subnets: [] },
      ...{ tunnels: [], peers: [], refused: [], problems: [] },
    };
    expect(statusText(begun)).toBe('no subnet yet: none\nno network yet from etcd: never heard');
  });

  it.each([
    [0, '0 s'],
    [59.6, '1 min 0 s'],
    [3599, '59 min 59 s'],
    [86_399, '23 h 59 min'],
    [90_000, '1 d 1 h'],
    [-4, '0 s'],
  ])('has times in two units: %d', (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });
});
