/**
 * Many links in one daemon, made, changed and deleted as it runs.
 *
 *   a [ vx1 10.1.0.1 vx2 10.2.0.1 ] 192.0.2.1 ──┬── 192.0.2.2 [ the kernel's vx1 10.1.0.2, vx2 10.2.0.2 ] b
 *                                               └── 192.0.2.3 [ the kernel's vx1 10.1.0.3 ] c
 */
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/control/client.ts';
import type { Answer } from '../../src/control/protocol.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { transfer } from '../support/transfer.ts';
import { commandForAll, MAIN, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

interface Item {
  ifname: string;
  mtu: number;
  address: string;
}

function kernelLink(host: Host, name: string, vni: number, remote: string, address: string): void {
  host.ip(`link add ${name} type vxlan id ${vni} remote ${remote} dstport 4789 dev eth0`);
  host.ip(`address add ${address} dev ${name}`, `link set ${name} up`);
}

const devices = async (host: Host) =>
  (await host.json<{ ifname: string }[]>('ip', '-j', 'link')).map(({ ifname }) => ifname);

describe('a daemon', () => {
  const lab = new Lab();
  let [a, b, c]: Host[] = [];
  let daemon: DaemonProcess;
  beforeAll(async () => {
    [a, b, c] = ['a', 'b', 'c'].map((name) => lab.host(name));
    lab.switch([
      [a, '192.0.2.1/24'],
      [b, '192.0.2.2/24'],
      [c, '192.0.2.3/24'],
    ]);
    kernelLink(b, 'vx1', 1, '192.0.2.1', '10.1.0.2/24');
    kernelLink(b, 'vx2', 2, '192.0.2.1', '10.2.0.2/24');
    kernelLink(c, 'vx1', 1, '192.0.2.1', '10.1.0.3/24');
    daemon = await DaemonProcess.start(lab, a);
  });
  afterAll(() => lab.close());

  it('carries two links on one port, each with its peers', async () => {
    await daemon.verb('link add vx1 type vxlan id 1 remote 192.0.2.2 dev eth0');
    await daemon.verb('link add vx2 type vxlan id 2 remote 192.0.2.2');
    a.ip('address add 10.1.0.1/24 dev vx1', 'address add 10.2.0.1/24 dev vx2');
    a.ip('link set vx1 up', 'link set vx2 up');
    expect([await a.ping('10.1.0.2'), await a.ping('10.2.0.2')]).toEqual([2, 2]);
    await daemon.verb('fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.3');
    expect(await a.ping('10.1.0.3')).toBe(2);
    const learned = await daemon.json<{ mac: string; dst: string }[]>('fdb show dev vx2');
    expect(learned.map(({ dst }) => dst)).toEqual(['192.0.2.2', '192.0.2.2']);
    const shown = await daemon.json<Item[]>('link show');
    const real = await a.json<Item[]>('ip', '-j', 'link');
    for (const { ifname, mtu, address } of shown) {
      expect(real.find((link) => link.ifname === ifname)).toMatchObject({ mtu, address });
    }
    expect(shown.map(({ ifname, mtu }) => [ifname, mtu])).toEqual([
      ['vx1', 1450],
      ['vx2', 1450],
    ]);
  });

  it('carries them at once: a transfer in each, both ways', async () => {
    const both = [
      { from: a, to: b, address: '10.1.0.2', port: 5001 },
      { from: b, to: a, address: '10.2.0.1', port: 5002 },
    ];
    const done = await Promise.all(both.map((way) => transfer({ ...way, protocol: 'tcp', size: 32 << 20 })));
    for (const [sent, received] of done) expect(received).toBe(sent);
  });

  it('changes a link as it runs: its port, its remotes, its VNI; the others go on', async () => {
    b.ip('link add vx3 type vxlan id 3 remote 192.0.2.1 dstport 4790 dev eth0', 'link set vx2 down');
    b.ip('address flush dev vx2', 'address add 10.2.0.2/24 dev vx3', 'link set vx3 up');
    expect(await a.ping('10.2.0.2')).toBe(0);
    a.ip('neigh flush dev vx2'); // b's vx3 has a MAC of its own
    await daemon.verb('link set vx2 type vxlan id 3 dstport 4790 ttl 7');
    expect(await a.ping('10.2.0.2')).toBe(2);
    expect(await a.ping('10.1.0.2')).toBe(2);
    const [{ linkinfo }] = await daemon.json<{ linkinfo: { info_data: object } }[]>('-d link show vx2');
    expect(linkinfo.info_data).toMatchObject({ id: 3, port: 4790, ttl: 7 });
    await expect(daemon.verb('link set vx2 type vxlan id 1 dstport 4789')).rejects.toThrow(
      'there is a link with VNI 1 at port 4789 already (EEXIST)',
    );
    await expect(daemon.verb('link set vx2 type vxlan remote fd00::2')).rejects.toThrow('(EAFNOSUPPORT)');
    expect(await a.ping('10.2.0.2')).toBe(2);
  });

  it('sets what `ip link set` sets', async () => {
    const device = async () =>
      (await a.json<(Item & { flags: string[] })[]>('ip', '-j', 'link', 'show', 'vx1'))[0];
    await daemon.verb('link set vx1 down mtu 1400 address 02:00:00:00:0a:01');
    expect(await device()).toMatchObject({ mtu: 1400, address: '02:00:00:00:0a:01' });
    expect((await device()).flags).not.toContain('UP');
    await daemon.verb('link set vx1 up');
    expect((await device()).flags).toContain('UP');
    a.ip('link set vx1 mtu 1450');
    await daemon.verb('link set vx1 type vxlan ttl 9');
    expect(await device()).toMatchObject({ mtu: 1450, address: '02:00:00:00:0a:01' });
    for (const host of [b, c]) host.ip('neigh flush dev vx1');
    expect(await a.ping('10.1.0.2')).toBe(2);
  });

  it('takes a link away, and its port with the last one', async () => {
    await daemon.verb('link del vx2');
    expect(await devices(a)).not.toContain('vx2');
    const sockets = () => a.run('ss', '-Hlun', 'sport', '=', '4790');
    expect((await sockets()).trim()).toBe('');
    expect(await a.ping('10.1.0.2')).toBe(2);
    await expect(daemon.verb('link del vx2')).rejects.toThrow('there is no link vx2 here (ENODEV)');
  });

  it('forgets a link whose device was deleted by hand', async () => {
    await daemon.verb('link add vx9 type vxlan id 9 remote 192.0.2.2');
    a.ip('link del vx9');
    await waitFor(async () => !(await daemon.verb('link show')).includes('vx9'), 'vx9 to go');
    await daemon.verb('link add vx9 type vxlan id 9 remote 192.0.2.2');
    await daemon.verb('link del vx9');
  });

  it('makes a device with the number that is asked for, if that is free', async () => {
    await daemon.verb('link add vx9 index 99 type vxlan id 9 remote 192.0.2.2');
    expect(await a.run('ip', '-o', 'link', 'show', 'vx9')).toMatch(/^99: vx9: /);
    await expect(daemon.verb('link add vx8 index 99 type vxlan id 8')).rejects.toThrow(
      'index 99 is that of the interface vx9 already (EEXIST)',
    );
    await expect(daemon.verb('link set vx9 index 98')).rejects.toThrow('when it is made');
    a.ip('tuntap add t0 mode tap');
    await expect(daemon.verb('link add t0 index 98 type vxlan id 8')).rejects.toThrow(/t0 is there .*EEXIST/);
    a.ip('link del t0');
    expect(await daemon.verb('config show')).not.toContain('index');
    await daemon.verb('link del vx9');
    expect(await devices(a)).not.toContain('vx8');
  });

  it('stays with the device that it was made for, whatever has its name', async () => {
    const dev = async (name: string) => / dev (\S+)/.exec(await daemon.verb(`-d link show ${name}`))?.[1];
    for (const [at, underlay] of ['u0', 'w0'].entries()) {
      a.ip(`link add ${underlay} type bridge`);
      await daemon.verb(`link add ${underlay}x type vxlan id ${7 + at} remote 192.0.2.2 dev ${underlay}`);
    }
    a.ip('link set u0 name u1');
    await waitFor(async () => (await dev('u0x')) === 'u1', 'its new name');
    a.ip('link del u1', 'link add u1 type bridge', 'link set u1 name u2', 'link set w0 name w1');
    await waitFor(async () => (await dev('w0x')) === 'w1', 'all that to be told');
    expect(await dev('u0x')).toBe('u1');
    for (const name of ['u0x', 'w0x']) await daemon.verb(`link del ${name}`);
    a.ip('link del u2', 'link del w1');
  });

  it('tells those who watch', async () => {
    const monitor = a.spawn(process.execPath, ...monitorWords(daemon));
    let told = '';
    monitor.stdout?.on('data', (chunk) => {
      told += chunk;
    });
    // until it listens
    await waitFor(async () => {
      for (const dst of ['192.0.2.2', '192.0.2.3'])
        await daemon.verb(`fdb replace 02:00:00:00:00:07 dev vx1 dst ${dst} static`);
      return told.includes('02:00:00:00:00:07');
    }, 'an entry to be told');
    await daemon.verb('fdb del 02:00:00:00:00:07 dev vx1 dst 192.0.2.3');
    await daemon.verb('link add vx5 type vxlan id 5');
    await daemon.verb('link del vx5');
    await waitFor(() => /Deleted .*vx5/.test(told), 'a deleted link to be told');
    expect(told).toMatch(/^Deleted 02:00:00:00:00:07 dev vx1 dst 192\.0\.2\.3 self static$/m);
    expect(told).toMatch(/^\d+: vx5:/m);
    monitor.kill();
  });

  it('ends with all that it made, where it was moved to as well', async () => {
    await daemon.verb('link add vx8 type vxlan id 8 remote 192.0.2.2');
    a.ip(`link set vx8 netns ${c.netns}`);
    expect(await daemon.end()).toBe(0);
    await waitFor(async () => !(await devices(c)).includes('vx8'), 'the device that was moved to go');
    expect((await devices(a)).sort()).toEqual(['eth0', 'lo']);
    expect((await a.run('ss', '-Hlun')).trim()).toBe('');
  });
});

const monitorWords = (daemon: DaemonProcess) => [MAIN, '--socket', daemon.socket, 'monitor', 'link', 'fdb'];

/** Python: many connections that something is said at, and that stay; what the last one is answered. */
const STAYING = `
import socket, sys
all = [socket.socket(socket.AF_UNIX) for _ in range(100)]
for each in all:
    each.connect(sys.argv[1])
    each.send(b"x")
print(all[-1].recv(4096).decode(), flush=True)
sys.stdin.read()
`;

describe('the control socket', () => {
  const lab = new Lab();
  let a: Host;
  let daemon: DaemonProcess;
  beforeAll(async () => {
    a = lab.host('a');
    daemon = await DaemonProcess.start(lab, a);
  });
  afterAll(() => lab.close());

  /** Writes these bytes, and returns all that is answered until the daemon has closed. */
  async function say(...pieces: (string | Buffer)[]): Promise<string[]> {
    const socket = createConnection(daemon.socket);
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await once(socket, 'connect');
    for (const piece of pieces) socket.write(piece);
    socket.end();
    await closed;
    return heard.trim().split('\n').slice(1);
  }

  it('answers each line, and goes on after one that is none', async () => {
    const lines = await say(
      'garbage\n',
      '{"id":7}\n[1]\n',
      'null\n',
      Buffer.from([0xff, 0xfe, 10]),
      '{"id":8,"verb":"link burn"}\n{"id":9,"verb":"link add","args":{"name":"x/y","id":1}}\n',
      '{"id":10,"verb":"link add","args":{"name":"x","id":"1"}}\n',
      '{"id":11,"verb":"link add","args":{"name":"x","id":1,"colour":"red"}}\n',
      '{"id":12,"verb":"link ',
      'show"}\n',
      '{"id":13,"verb":"link add","args":{"name":"x","id":1,"group":"239.1.1.1%lo","dev":"lo","up":true}}\n',
      '{"id":14,"verb":"link show","args":{"name":"lo\\u0000"}}\n',
    );
    const answers = lines.map(
      (line) => JSON.parse(line) as { id: number; error?: { code: string; message: string } },
    );
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [0, 'EPROTO'],
      [0, 'EPROTO'],
      [0, 'EPROTO'],
      [0, 'EPROTO'],
      [0, 'EPROTO'],
      [8, 'EOPNOTSUPP'],
      [9, 'EINVAL'],
      [10, 'EINVAL'],
      [11, 'EINVAL'],
      [12, undefined],
      [13, 'EINVAL'],
      [14, 'EINVAL'],
    ]);
    expect(answers[7].error?.message).toBe('id "1" is not a whole number from 0 to 16777215 (EINVAL)');
    expect(answers[8].error?.message).toMatch(/^"colour" is not known; there are name, id,/);
  });

  it('refuses a line without an end, and a half one is nothing', async () => {
    const endless = await say(...Array.from({ length: 40 }, () => Buffer.alloc(1 << 16, 0x78)));
    expect(endless.at(-1)).toContain('a line is longer than 1048576 bytes');
    expect(await say('{"id":1,"verb":"link show"')).toEqual([]);
    expect(await daemon.verb('link show')).toBe('');
  });

  it('keeps requests of one connection in order, and what hangs on a failure undone', async () => {
    const lines = await say(
      '{"id":1,"verb":"link add","args":{"name":"vx1","id":1}}\n',
      '{"id":2,"verb":"link add","args":{"name":"vx1","id":2}}\n',
      '{"id":3,"verb":"link del","args":{"name":"vx1"},"chained":true}\n',
      '{"id":4,"verb":"link show","args":{}}\n',
    );
    const answers = lines.map((line) => JSON.parse(line));
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, undefined],
      [2, 'EEXIST'],
      [3, 'ECANCELED'],
      [4, undefined],
      [4, undefined],
    ]);
    expect(answers[3].items).toMatchObject([{ name: 'vx1', id: 1 }]);
    await daemon.verb('link del vx1');
  });

  it('carries out each of many, and answers those refused and the last', async () => {
    const each = (id: number, verb: string, ...args: unknown[]) =>
      `${JSON.stringify({ id, verb, each: args })}\n`;
    const chained = { id: 9, verb: 'link del', each: [{ name: 'vx3' }, { name: 'vx1' }], chained: true };
    const lines = await say(
      each(1, 'link add', { name: 'vx1', id: 1 }, { name: 'vx1', id: 2 }, { name: 'vx2', id: 2 }),
      each(4, 'link del', { name: 'vx2' }, { name: 'vx2' }),
      each(6, 'link show', {}, {}),
      each(8, 'link del'),
      `${JSON.stringify(chained)}\n`,
      '{"id":11,"verb":"link del","each":"vx1"}\n',
      each(12, 'link del', ...Array.from({ length: 1025 }, () => ({ name: 'vx1' }))),
      '{"id":13,"verb":"link show"}\n',
    );
    const answers = lines.map((line) => JSON.parse(line));
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [2, 'EEXIST'],
      [3, undefined],
      [5, 'ENODEV'],
      [6, 'EINVAL'],
      [7, 'EINVAL'],
      [8, 'EPROTO'],
      [9, 'ECANCELED'],
      [10, 'ECANCELED'],
      [11, 'EPROTO'],
      [12, 'EPROTO'],
      [13, undefined],
      [13, undefined],
    ]);
    expect(answers[10].items).toMatchObject([{ name: 'vx1', id: 1 }]);
    await daemon.verb('link del vx1');
  });

  it('keeps little for one who asks much and does not read, and serves others meanwhile', async () => {
    const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]);
    const before = peak();
    const zeros = Array.from({ length: 1023 }, () => 0);
    const long = { id: 1, verb: 'v'.repeat((1 << 20) - 3_000), each: zeros, chained: true };
    const unknown = { id: 1, verb: 'link burn', each: zeros };
    const socket = createConnection(daemon.socket);
    await once(socket, 'connect');
    socket.write(`garbage\n${JSON.stringify(long)}\n${`${JSON.stringify(unknown)}\n`.repeat(400)}`);
    for (let i = 0; i < 10; i++) expect(await daemon.verb('link show')).toBe('');
    socket.end();
    let lines = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    }
    expect(lines).toBe(1 + 1 + 401 * 1023);
    expect(peak() - before).toBeLessThan(100_000);
  });

  it('says of all that is asked as the daemon ends that it is not done', async () => {
    const ending = await DaemonProcess.start(lab, a, '--log-level', 'warn');
    const watching = await Client.connect(ending.socket);
    watching.send('monitor', { what: ['link'] });
    const told = watching.answers();
    await told.next(); // it watches
    const asking = await Client.connect(ending.socket);
    const each = Array.from({ length: 250 }, (_, at) => ({ name: `vx${at}`, id: at }));
    for (const args of each) asking.sendAmong('link add', args);
    await told.next();
    ending.child.kill();
    const answers: Answer[] = [];
    for await (const answer of asking.answers()) answers.push(answer);
    expect(answers.at(-1)?.id).toBe(each.length);
    for (const [at, answer] of answers.entries()) {
      expect(answer).toMatchObject({ id: answers[0].id + at, error: { code: 'ECANCELED' } });
    }
    expect(answers[0].id).toBeGreaterThan(1);
    await waitFor(() => ending.closed, 'the daemon to end');
    expect([ending.child.exitCode, ending.stderr]).toEqual([0, '']);
    expect(await devices(a)).toEqual(['lo']);
  });

  it('is for one daemon; the next one after a kill has it, and nothing is left', async () => {
    const second = new DaemonProcess(a, daemon.socket, []);
    expect(await second.end('SIGCONT')).toBe(2);
    expect(second.stderr).toContain(`a daemon of this network namespace listens at ${daemon.socket} already`);
    await daemon.verb('link add vx1 type vxlan id 1 remote 192.0.2.2');
    rmSync(daemon.socket);
    const third = new DaemonProcess(a, daemon.socket, []);
    expect(await third.end('SIGCONT')).toBe(2);
    expect(third.stderr).toContain(`somebody has deleted its socket ${daemon.socket}`);
    expect(await a.run('ss', '-xlp')).toContain(`pid=${daemon.child.pid},`);
    await daemon.end('SIGKILL');
    await waitFor(async () => !(await devices(a)).includes('vx1'), 'the device of the killed one to go');
    daemon = new DaemonProcess(a, daemon.socket, []);
    await daemon.ready();
    expect(await daemon.verb('link show')).toBe('');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing at %s', async (signal) => {
    const other = await DaemonProcess.start(lab, a);
    await other.verb('link add vx7 id 7 dstport 8007');
    expect(await other.end(signal)).toBe(0);
    expect(existsSync(other.socket)).toBe(false);
    expect(await devices(a)).not.toContain('vx7');
  });

  it.each([
    ['/tmp/x'.padEnd(101, 'x'), 'it is longer than 100 bytes (ENAMETOOLONG)'],
    ['/proc/none', '(EACCES)'],
    ['/dev/null', 'a file that is no socket is there (EEXIST)'],
  ])('ends with a sentence where no socket can be: %s', async (path, why) => {
    const other = new DaemonProcess(a, path, []);
    await waitFor(() => other.closed, 'the daemon to end');
    expect(other.child.exitCode).toBe(2);
    expect(other.stderr).toMatch(/^vtep: the control socket \S+ cannot be opened(: [^:]*)? \(E[A-Z]+\)\n$/);
    expect(other.stderr).toContain(why);
  });

  it('listens to its own user, not to others', async () => {
    const words = [process.execPath, commandForAll(lab), '--socket', daemon.socket, 'link', 'show'];
    const asNobody = a.run('setpriv', '--reuid', '65534', '--clear-groups', ...words);
    await expect(asNobody).rejects.toThrow(/EACCES|EPERM/);
  });

  it('waits for nobody to whom it does not listen', async () => {
    chmodSync(dirname(daemon.socket), 0o755);
    chmodSync(daemon.socket, 0o666);
    const open = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
    const before = open();
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const stayers = a.spawn('setpriv', ...nobody, '/usr/bin/python3', '-c', STAYING, daemon.socket);
    const [heard] = await once(stayers.stdout as NodeJS.ReadableStream, 'data');
    expect(String(heard)).toContain('(EPERM)');
    await waitFor(() => open() < before + 50, 'those that stay to be let go');
    stayers.kill();
  });
});

describe('vtep run with a control socket', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  it('takes verbs about its one link, and ends when it is told so', async () => {
    const a = lab.host('a');
    const socket = join(lab.folder(), 'run.sock');
    const vtep = await VtepProcess.start(
      a,
      `vx0 id 42 remote 127.0.0.2 local 127.0.0.1 up --socket ${socket}`,
    );
    const verb = (words: string) => a.run(process.execPath, MAIN, '--socket', socket, ...words.split(' '));
    await verb('fdb add 02:00:00:00:00:07 dev vx0 dst 127.0.0.3');
    expect(await vtep.dump()).toContain('02:00:00:00:00:07 dev vx0 dst 127.0.0.3');
    await expect(verb('link add vx1 type vxlan id 43')).rejects.toThrow('(ENOSPC)');
    await verb('stop');
    const { code, stderr } = await vtep.ended();
    expect(code).toBe(0);
    expect(stderr).toMatch(/txFrames: [1-9]/);
    expect(await devices(a)).toEqual(['lo']);
  });

  it('carries out what it has begun before it ends, and says of the rest that it is not done', async () => {
    const a = lab.host('b');
    const socket = join(lab.folder(), 'run.sock');
    const vtep = await VtepProcess.start(a, `vx0 id 42 remote 192.0.2.2 mtu 1400 --socket ${socket}`);
    const watching = await Client.connect(socket);
    watching.send('monitor', { what: ['link'] });
    const told = watching.answers();
    await told.next(); // it watches
    const asking = await Client.connect(socket);
    const ranges = Array.from({ length: 200 }, (_, at): [number, number] => [40_000 + at, 40_100 + at]);
    for (const srcport of ranges) asking.send('link set', { name: 'vx0', srcport });
    await told.next();
    vtep.child.kill();
    const codes: string[] = [];
    for await (const answer of asking.answers()) codes.push('error' in answer ? answer.error.code : 'done');
    const done = codes.lastIndexOf('done') + 1;
    expect(codes).toEqual(ranges.map((_, at) => (at < done ? 'done' : 'ECANCELED')));
    expect(done).toBeLessThan(ranges.length);
    const { code, stderr } = await vtep.ended();
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')]);
  });
});
