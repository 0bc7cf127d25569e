/** The recipes: whose notes, on which hosts, and their repairs. */
import type { Recipe, Repair, Seat } from '../../support/recipe.ts';

/** Each to each, both ways. */
function mesh(...seats: Seat[]): [Seat, Seat][] {
  return seats.flatMap((from) => seats.filter((to) => to !== from).map((to): [Seat, Seat] => [from, to]));
}

const COUNTS: Repair = {
  why: 'two pings a tenth of a second apart tell as much as four',
  instead: /ping -c\s?\d/,
  lines: ['ping -i 0.1 -c 2'],
};

const NO_COUNT: Repair = {
  why: 'a count is missing, and the address would be taken for it',
  instead: /ping -c (?=\d+\.)/,
  lines: ['ping -i 0.1 -c 2 '],
};

/** What Docker does for a network called mynetwork, and for a container of it. */
function docker(host: string, bridge: string, container: string): Repair[] {
  const why = 'Docker is stood in for by the devices that it makes';
  return [
    {
      why,
      host,
      instead: /^docker network create .*/,
      lines: [
        `ip link add ${bridge} type bridge`,
        `ip address add 172.18.0.1/16 dev ${bridge}`,
        `ip link set ${bridge} up`,
      ],
    },
    {
      why,
      host,
      instead: /^docker run .* --ip (\S+) .*/,
      lines: [
        `ip netns add ${container}`,
        `ip link add veth2fa4c50 type veth peer name eth0 netns ${container}`,
        `ip link set veth2fa4c50 master ${bridge} up`,
        `ip -n ${container} address add $1/16 dev eth0`,
        `ip -n ${container} link set eth0 up`,
      ],
    },
  ];
}

const SWITCH_IN_USER_SPACE: Repair = {
  why: 'the kernel of a test machine has no switch of Open vSwitch',
  instead: 'fail-mode=standalone',
  lines: ['fail-mode=standalone datapath_type=netdev'],
};

const OTHER_NAMES: Repair[] = ['vm1 ip link set eth31', 'vm2 ip link set eth41'].map((words, i) => ({
  why: 'the second host calls them vm3 and vm4',
  host: 'host2',
  instead: words,
  lines: [words.replace(/^vm\d/, `vm${i + 3}`)],
}));

/** A switch in user space takes frames as they are: neither unfinished checksums nor more than the way carries. */
const WHOLE_FRAMES: Repair[] = ['vm1 eth11', 'vm2 eth21', 'vm3 eth31', 'vm4 eth41'].map((each, i) => {
  const [vm, card] = each.split(' ');
  return {
    why: 'Open vSwitch in user space wants whole frames that fit the tunnel',
    host: i < 2 ? 'host1' : 'host2',
    instead: `ip netns exec ${vm} ip link set ${card} up`,
    lines: [
      `ip netns exec ${vm} ip link set ${card} up mtu 1450`,
      `ip netns exec ${vm} ethtool -K ${card} tx off`,
    ],
  };
});

const PAIR = { host1: '192.168.220.3/24', host2: '192.168.220.4/24' };
const FOUR = mesh(
  { host: 'host1', netns: 'vm1', address: '192.168.0.11' },
  { host: 'host2', netns: 'vm3', address: '192.168.0.13' },
).concat(
  mesh(
    { host: 'host1', netns: 'vm2', address: '192.168.0.12' },
    { host: 'host2', netns: 'vm4', address: '192.168.0.14' },
  ),
);

const CONTAINERS = mesh(
  { host: 'vm1', netns: '16bbaeaaebfc', address: '172.18.0.2' },
  { host: 'vm2', netns: 'c0ffee', address: '172.18.0.3' },
);

/** Where Open vSwitch is one end of the tunnel, the other is a device on a bridge of the kernel. */
function peerOfOvs(vni: number): Repair[] {
  return [
    {
      why: 'Open vSwitch in user space sends by a bridge of its own, which has the address of the card',
      host: 'host1',
      instead: /^(ovs-vsctl add-br br0 .*)$/,
      lines: [
        'ovs-vsctl add-br phy -- set bridge phy datapath_type=netdev -- add-port phy enp1s0',
        'ip address del 192.168.220.3/24 dev enp1s0',
        'ip address add 192.168.220.3/24 dev phy',
        'ip link set phy up',
        '$1',
      ],
    },
    { ...SWITCH_IN_USER_SPACE, host: 'host1' },
    {
      why: 'the other host is to be a VTEP: a bridge of the kernel',
      host: 'host2',
      instead: /^ovs-vsctl add-br br0 .*/,
      lines: ['ip link add br0 type bridge', 'ip link set br0 up'],
    },
    {
      why: 'the other host is to be a VTEP: its machine is on that bridge',
      host: 'host2',
      instead: /^ovs-vsctl add-port br0 eth1 .*/,
      lines: ['ip link add eth1 type veth peer name port1', 'ip link set port1 master br0 up'],
    },
    {
      why: 'the other host is to be a VTEP: its tunnel',
      host: 'host2',
      instead: /^ovs-vsctl add-port br0 vx1 .*/,
      lines: [
        `ip link add vx1 type vxlan id ${vni} remote 192.168.220.3 dstport 4789 dev enp1s0`,
        'ip link set vx1 master br0 up',
      ],
    },
    {
      why: 'a switch in user space takes whole frames',
      host: 'host2',
      instead: /^(ip link set eth1 netns vm2)$/,
      lines: ['ethtool -K eth1 tx off', '$1'],
    },
    COUNTS,
  ];
}

const COMPUTE = {
  host1: '10.128.147.181/24',
  host2: '10.128.147.182/24',
  host3: '10.128.147.177/24',
};

export const RECIPES: Recipe[] = [
  {
    name: 'point-to-point',
    hosts: { host1: COMPUTE.host1, host2: COMPUTE.host2 },
    card: 'eth0',
    repairs: [],
    pings: mesh({ host: 'host1', address: '10.0.0.181' }, { host: 'host2', address: '10.0.0.182' }),
  },
  {
    name: 'simplest',
    hosts: { vm1: '172.31.0.106/16', vm2: '172.31.0.107/16' },
    card: 'eth0',
    repairs: [{ ...COUNTS, instead: /-c 3$/, lines: ['-i 0.1 -c 2'] }],
    pings: mesh({ host: 'vm1', address: '10.0.0.106' }, { host: 'vm2', address: '10.0.0.107' }),
  },
  {
    name: 'three-hosts',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [],
    pings: mesh(
      { host: 'host1', address: '192.168.200.1' },
      { host: 'host2', address: '192.168.200.2' },
      { host: 'host3', address: '192.168.200.3' },
    ),
  },
  {
    name: 'layer-2-containers',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [COUNTS],
    pings: mesh(
      { host: 'host1', netns: 'net100', address: '192.168.100.2' },
      { host: 'host2', netns: 'net100', address: '192.168.100.3' },
      { host: 'host3', netns: 'net100', address: '192.168.100.4' },
    ),
  },
  {
    name: 'layer-3-containers',
    hosts: COMPUTE,
    card: 'eth0',
    repairs: [
      COUNTS,
      {
        why: 'the text says in a sentence that the hosts forward, and has no line for it',
        instead: /^(iptables .* -s .*)$/,
        lines: ['sysctl -qw net.ipv4.ip_forward=1', '$1'],
      },
    ],
    pings: mesh(
      { host: 'host1', netns: 'net100', address: '192.169.1.2' },
      { host: 'host2', netns: 'net100', address: '192.169.2.2' },
      { host: 'host3', netns: 'net100', address: '192.169.3.2' },
    ),
  },
  {
    name: 'group',
    hosts: { node1: '10.206.67.96/24', node2: '10.206.67.15/24' },
    card: 'eth2',
    repairs: [
      {
        why: 'the second host makes no tunnel',
        host: 'node2',
        section: 0,
        lines: [
          'ip link add vxlan0 type vxlan id 1 group 239.1.1.1 dev eth2 dstport 4789',
          'ip link set dev vxlan0 master vxlan-br0',
        ],
      },
      { why: 'the tunnel stays down', host: 'node1', lines: ['ip link set up vxlan0'] },
      { why: 'the tunnel stays down', host: 'node2', lines: ['ip link set up vxlan0'] },
    ],
    pings: mesh({ host: 'node1', address: '100.1.1.2' }, { host: 'node2', address: '100.1.1.3' }),
  },
  {
    name: 'nolearning-and-proxy',
    hosts: { node1: '10.206.67.96/24', node2: '10.206.67.15/24' },
    card: 'eth0',
    repairs: [
      COUNTS,
      {
        why: 'the entries by hand are told of, and are not among the lines',
        host: 'node1',
        lines: ['bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 10.206.67.15'],
      },
      {
        why: 'the entries by hand are told of, and are not among the lines',
        host: 'node2',
        lines: ['bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 10.206.67.96'],
      },
      {
        why: 'the address that the other host has for this container',
        host: 'node1',
        instead: /^(ip netns exec ns1 ip link set) eth0 up$/,
        lines: ['$1 eth0 up address aa:bf:b9:29:63:12'],
      },
      {
        why: 'the address that the other host has for this container',
        host: 'node2',
        instead: /^(ip netns exec ns1 ip link set) eth0 up$/,
        lines: ['$1 eth0 up address 32:39:e3:57:89:e7'],
      },
    ],
    pings: mesh(
      { host: 'node1', netns: 'ns1', address: '3.3.3.3' },
      { host: 'node2', netns: 'ns1', address: '3.3.3.4' },
    ),
  },
  {
    name: 'docker',
    hosts: { vm1: '172.31.0.106/24', vm2: '172.31.0.107/24' },
    card: 'eth0',
    repairs: [
      ...docker('vm1', 'br-3231f89d69f6', '16bbaeaaebfc'),
      ...docker('vm2', 'br-f4b35af34313', 'c0ffee'),
      {
        why: 'Docker is stood in for by the devices that it makes',
        instead: 'docker exec -it',
        lines: ['ip netns exec'],
      },
      { ...COUNTS, instead: /-c 2$/, lines: ['-i 0.1 -c 2'] },
    ],
    pings: CONTAINERS,
    tcpOfOurs: CONTAINERS,
  },
  {
    name: 'docker-again',
    hosts: { vm1: '192.168.13.131/24', vm2: '192.168.13.132/24' },
    card: 'ens33',
    repairs: [
      ...[
        { host: 'vm1', bridge: 'br-87133e370c6c' },
        { host: 'vm2', bridge: 'br-26d918129b18' },
      ].map(({ host, bridge }) => ({
        why: 'the network was made before, as in the other notes',
        host,
        instead: /^(docker run .*)$/,
        lines: [`docker network create ${bridge}`, '$1'],
      })),
      {
        why: 'the containers are pinged at 172.18, the network of the other notes',
        instead: '--ip 172.17.0.',
        lines: ['--ip 172.18.0.'],
      },
      ...docker('vm1', 'br-87133e370c6c', '5a2e519610bb'),
      ...docker('vm2', 'br-26d918129b18', 'c0ffee'),
      {
        why: 'it is typed within the container, and ends with Ctrl-C',
        instead: /^ping +172.18.0.11$/,
        lines: ['ip netns exec 5a2e519610bb ping -i 0.1 -c 2 172.18.0.11'],
      },
    ],
    pings: mesh(
      { host: 'vm1', netns: '5a2e519610bb', address: '172.18.0.10' },
      { host: 'vm2', netns: 'c0ffee', address: '172.18.0.11' },
    ),
  },
  {
    name: 'machines-behind-a-bridge',
    notes: 'ovs-bridge-veth',
    hosts: PAIR,
    card: 'enp1s0',
    repairs: [
      {
        why: 'the same with the bridge of the kernel',
        instead: /^ovs-vsctl add-br br0 .*/,
        lines: ['brctl addbr br0', 'ip link set br0 up'],
      },
      {
        why: 'the same with the bridge of the kernel',
        instead: 'ovs-vsctl add-port',
        lines: ['brctl addif'],
      },
      ...OTHER_NAMES,
      NO_COUNT,
      COUNTS,
    ],
    pings: FOUR,
  },
  {
    name: 'ovs-bridge-veth',
    hosts: PAIR,
    card: 'enp1s0',
    ovs: ['host1', 'host2'],
    repairs: [SWITCH_IN_USER_SPACE, ...OTHER_NAMES, ...WHOLE_FRAMES, NO_COUNT, COUNTS],
    pings: FOUR,
    tcp: FOUR,
  },
  {
    name: 'ovs-bridge-ports',
    hosts: PAIR,
    card: 'enp1s0',
    ovs: ['host1', 'host2'],
    repairs: [SWITCH_IN_USER_SPACE, NO_COUNT, COUNTS],
    pings: FOUR,
  },
  {
    name: 'ovs-tunnel',
    hosts: PAIR,
    card: 'enp1s0',
    ovs: ['host1'],
    ends: ['host2'],
    repairs: peerOfOvs(0),
    pings: mesh(
      { host: 'host1', netns: 'vm1', address: '192.168.0.10' },
      { host: 'host2', netns: 'vm2', address: '192.168.0.20' },
    ),
  },
  {
    name: 'ovs-tunnel with a key per flow',
    notes: 'ovs-tunnel',
    hosts: PAIR,
    card: 'enp1s0',
    ovs: ['host1'],
    ends: ['host2'],
    repairs: [
      {
        why: 'the key is to be said by a flow',
        host: 'host1',
        instead: /^(ovs-vsctl .* options:remote_ip=192.168.220.4)$/,
        lines: ['$1 options:key=flow', 'ovs-ofctl add-flow br0 actions=set_field:42-\\>tun_id,normal'],
      },
      ...peerOfOvs(42),
    ],
    pings: mesh(
      { host: 'host1', netns: 'vm1', address: '192.168.0.10' },
      { host: 'host2', netns: 'vm2', address: '192.168.0.20' },
    ),
  },
];
