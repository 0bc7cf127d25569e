/**
 * A daemon whose links are as a file says, and the file changed as it runs.
 *
 *   a [ vx0 10.0.0.1, and others ] 192.0.2.1 ──┬── 192.0.2.2 [ the kernel's vx0 10.0.0.2, vx1 10.1.0.2 ] b
 */
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';
import { Stream } from '../support/stream.ts';
import { waitFor } from '../support/wait-for.ts';

const VX0 = `
  vx0:
    id: 42
    remotes: [192.0.2.2]
    addresses: [10.0.0.1/24]
    up: true
    fdb:
      - {mac: 02:00:00:00:00:01, dst: 192.0.2.2}
      - {mac: 01:00:5e:00:00:01, dst: 192.0.2.2, state: static}
      - {mac: 01:00:5e:00:00:01, dst: 192.0.2.3, state: static}
    neigh: [{ip: 10.0.0.9, mac: 02:00:00:00:00:01}]`;

const FIRST = `
log: {level: info}
engine: {fdb-size: 50000}
links:${VX0}
  vx1: {id: 43, remotes: [192.0.2.2], addresses: [10.1.0.1/24], up: true}
  old: {id: 50, remotes: [192.0.2.2]}
`;

/** Another port for vx1, `old` renamed, fifteen more; of vx0 an entry less, one elsewhere, one more. */
const SECOND = `
links:${VX0.replace('- {mac: 01:00:5e:00:00:01, dst: 192.0.2.3, state: static}', '- {mac: 02:00:00:00:00:02, dst: 192.0.2.3}').replace('01, dst: 192.0.2.2}', '01, dst: 192.0.2.9}')}
  vx1: {id: 43, remotes: [192.0.2.2], dstport: 4790, ttl: 9, addresses: [10.1.0.7/24], up: true}
  new: {id: 50, remotes: [192.0.2.2]}
${Array.from({ length: 15 }, (_, i) => `  more${i}: {id: ${100 + i}, remotes: [192.0.2.2], up: true}`).join('\n')}
`;

describe('a daemon with a file', () => {
  const lab = new Lab();
  let [a, b]: Host[] = [];
  let daemon: DaemonProcess;
  let file = '';
  const other = (text: string) => {
    const path = `${file}.other`;
    writeFileSync(path, text);
    return path;
  };
  beforeAll(async () => {
    [a, b] = ['a', 'b'].map((name) => lab.host(name));
    lab.switch([
      [a, '192.0.2.1/24'],
      [b, '192.0.2.2/24'],
    ]);
    for (const [i, name] of ['vx0', 'vx1'].entries()) {
      b.ip(`link add ${name} type vxlan id ${42 + i} remote 192.0.2.1 dstport 4789 dev eth0`);
      b.ip(`address add 10.${i}.0.2/24 dev ${name}`, `link set ${name} up`);
    }
    file = join(lab.folder(), 'vtep.yaml');
    writeFileSync(file, FIRST);
    daemon = await DaemonProcess.start(lab, a, '-c', file);
  });
  afterAll(() => lab.close());

  it('is ready when all is as the file says', async () => {
    expect([await a.ping('10.0.0.2'), await a.ping('10.1.0.2')]).toEqual([2, 2]);
    const fdb = await daemon.verb('fdb show dev vx0');
    expect(fdb).toContain('02:00:00:00:00:01 dst 192.0.2.2 self permanent');
    expect(await daemon.verb('neigh show dev vx0')).toContain('10.0.0.9 lladdr 02:00:00:00:00:01');
    expect(daemon.stderr).not.toMatch(/refused|cannot/);
  });

  it('shows what runs as such a file, which changes nothing', async () => {
    const shown = await daemon.verb('config show');
    expect(await a.run(process.execPath, MAIN, 'check', other(shown))).toBe('');
    const before = await daemon.verb('link show');
    await daemon.verb(`reload ${other(shown)}`);
    expect(await daemon.verb('config show')).toBe(shown);
    expect(await daemon.verb('link show')).toBe(before);
    const parsed = JSON.parse(await daemon.verb('-j config show'));
    expect(parsed).toMatchObject({ engine: { 'fdb-size': 50_000 }, links: { vx1: { id: 43, up: true } } });
  });

  it('changes what another file has otherwise, and of the others not one packet is lost', async () => {
    a.ip('link set vx0 txqueuelen 20000'); // a busy machine may keep the daemon waiting
    expect(await a.ping('10.0.0.2')).toBe(2);
    const streams = [
      await Stream.start(a, b, '10.0.0.2', 7000, 5000),
      await Stream.start(b, a, '10.0.0.1', 7001, 5000),
    ];
    for (const text of [SECOND, FIRST, SECOND]) {
      writeFileSync(file, text);
      await daemon.verb('reload');
    }
    const shown = await daemon.verb('config show');
    for (const stream of streams) {
      const { sent, rate, arrived } = await stream.end();
      expect(arrived).toBe(sent);
      expect(sent).toBeGreaterThan(5000);
      expect(rate).toBeGreaterThan(2500); // on a busy machine
    }
    for (const said of ['more14', 'dstport: 4790', 'mac: 02:00:00:00:00:01, dst: 192.0.2.9', '10.1.0.7/24'])
      expect(shown).toContain(said);
    for (const gone of ['old', '192.0.2.3, state: static', '10.1.0.1/24']) expect(shown).not.toContain(gone);
    const addresses = await a.run('ip', '-br', 'address', 'show', 'dev', 'vx1');
    expect(addresses).toContain('10.1.0.7/24');
    expect(addresses).not.toContain('10.1.0.1/24');
    expect(await devices(a)).toEqual(expect.arrayContaining(['new', 'more0', 'more14', 'vx0', 'vx1']));
    expect(await devices(a)).not.toContain('old');
  });

  it('takes its file again at SIGHUP', async () => {
    writeFileSync(file, FIRST);
    const said = daemon.stderr.length;
    daemon.child.kill('SIGHUP');
    await waitFor(() => daemon.stderr.slice(said).includes('is in force'), 'the file to be in force');
    expect(await devices(a)).toEqual(expect.arrayContaining(['old', 'vx0', 'vx1']));
    expect(await devices(a)).not.toContain('more0');
    expect(await a.ping('10.1.0.2')).toBe(2);
    writeFileSync(file, 'links: {vx0: {id: fortytwo}}\n');
    daemon.child.kill('SIGHUP');
    await waitFor(() => daemon.stderr.includes(':1:19: id "fortytwo" is not'), 'the mistake to be told');
    expect(await a.ping('10.0.0.2')).toBe(2);
  });

  it('waits for a file that nobody writes yet, and carries out verbs meanwhile', async () => {
    const pipe = `${file}.pipe`;
    await a.run('mkfifo', pipe);
    renameSync(pipe, file);
    const said = daemon.stderr.length;
    daemon.child.kill('SIGHUP');
    await daemon.verb('link set vx0 ageing 7');
    expect(await daemon.verb('-d link show vx0')).toContain(' ageing 7 ');
    await writeFile(file, FIRST);
    await waitFor(() => daemon.stderr.slice(said).includes('is in force'), 'the file to be in force');
    expect(await daemon.verb('-d link show vx0')).not.toContain(' ageing 7 ');
    rmSync(file);
  });

  it('begins with a file that can be read once', async () => {
    const socket = join(lab.folder(), 'once.sock');
    const words = `"${process.execPath}" "${MAIN}" daemon --socket ${socket} -c <(echo "links: {once: {id: 88, dstport: 4999}}")`;
    const shell = a.spawn('bash', '-c', `exec ${words}`);
    await once(shell.stdout as NodeJS.ReadableStream, 'data');
    expect(await devices(a)).toContain('once');
    shell.kill();
    await once(shell, 'close');
  });

  it('knows a device by any of its names, and changes nothing for that', async () => {
    a.ip('link property add dev eth0 altname uplink');
    const steps = () => daemon.stderr.match(/(?<=in force: ).*/g) ?? [];
    const before = steps().length;
    const entry = 'fdb: [{mac: 02:00:00:00:00:07, dst: 192.0.2.2, via: uplink}]';
    writeFileSync(file, `${FIRST}  alt: {id: 77, dev: uplink, remotes: [192.0.2.2], ${entry}}\n`);
    for (let i = 1; i <= 3; i++) {
      daemon.child.kill('SIGHUP');
      await waitFor(() => steps().length === before + i, 'the file to be in force');
    }
    expect(steps().slice(before)).toEqual(['2 steps', 'nothing has changed', 'nothing has changed']);
    expect(await daemon.verb('fdb show dev alt')).toContain('02:00:00:00:00:07 dst 192.0.2.2 via eth0');
    writeFileSync(file, FIRST);
    await daemon.verb('reload');
  });

  it('has a link of a verb beside those of the file', async () => {
    await daemon.verb('link add byhand type vxlan id 99');
  });

  it.each([
    [
      `${SECOND}  bad: {id: 77, dev: nope0, remotes: [192.0.2.2]}\n`,
      /:30:8: bad: dev "nope0" is no interface.*; nothing was changed \(EINVAL\)/,
    ],
    [
      SECOND.replace('dst: 192.0.2.9', 'dst: 192.0.2.9, via: nope0'),
      /:9:9: vx0: via "nope0" is no interface.*; nothing was changed \(EADDRNOTAVAIL\)/,
    ],
    [
      `${SECOND}  taken: {id: 99}\n`,
      /:30:10: taken: there is a link with VNI 99 .*; nothing was changed \(EEXIST\)/,
    ],
    [
      'engine: {workers: 2}\nlinks: {}\n',
      /:1:19: engine.workers cannot change while the daemon runs: restart it \(EBUSY\)/,
    ],
    ['links: {}\nlinks: {}\n', /:2:1: "links" stands at line 1 already/],
    ['', /:1:1: the file is empty/],
  ])('leaves all as it was when any part is refused (%#)', async (text, sentence) => {
    const before = [await daemon.verb('config show'), await a.run('ip', '-br', 'address')];
    await expect(daemon.verb(`reload ${other(text)}`)).rejects.toThrow(sentence);
    const after = [await daemon.verb('config show'), await a.run('ip', '-br', 'address')];
    expect(inOrder(after[0])).toEqual(inOrder(before[0]));
    expect(addressesOf(after[1])).toEqual(addressesOf(before[1]));
    expect([await a.ping('10.0.0.2'), await a.ping('10.1.0.2')]).toEqual([2, 2]);
  });

  it('leaves alone what verbs made, and makes again what they took away', async () => {
    writeFileSync(file, FIRST);
    await daemon.verb('fdb add 02:00:00:00:00:99 dev vx0 dst 192.0.2.7');
    await daemon.verb('fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.2');
    await daemon.verb('link set vx1 type vxlan ttl 3');
    await daemon.verb('link del old');
    await daemon.verb('reload');
    const shown = await daemon.verb('config show');
    for (const said of ['byhand:', 'old:', '02:00:00:00:00:99']) expect(shown).toContain(said);
    expect(shown).not.toContain('ttl');
    expect(await daemon.verb('fdb show dev vx0')).toContain('00:00:00:00:00:00 dst 192.0.2.2');
  });

  it('knows trunks: VNI by VNI, with what each has', async () => {
    const trunk = (vnis: string, more = '') =>
      `${FIRST}  tr0:\n    external: true\n    vnifilter: true\n    dstport: 4795\n    vnis: [${vnis}]\n${more}`;
    const vnis = async () =>
      (await daemon.verb('-o vni show dev tr0'))
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    writeFileSync(file, trunk('{vni: [10, 19], vlan: 10, remote: 192.0.2.2}'));
    await daemon.verb('reload');
    const ten = await vnis();
    expect(ten.join(' ')).toContain('10-19');
    const said = daemon.stderr.length;
    daemon.child.kill('SIGHUP');
    await waitFor(() => daemon.stderr.slice(said).includes('is in force'), 'the same file to be in force');
    expect(daemon.stderr.slice(said)).toContain('nothing has changed');
    await daemon.verb(`reload ${other(await daemon.verb('config show'))}`);
    expect(await vnis()).toEqual(ten);
    const entry = '    fdb: [{mac: 02:00:00:00:00:05, dst: 192.0.2.3, src_vni: 12}]\n';
    writeFileSync(
      file,
      trunk('{vni: [10, 12], vlan: 10, remote: 192.0.2.2}, {vni: [14, 14], vlan: 99}', entry),
    );
    await daemon.verb('reload');
    expect((await vnis()).join(' ')).toMatch(/vni 10-12 remote 192\.0\.2\.2 vlan 10 dev tr0 vni 14 vlan 99$/);
    expect(await daemon.verb('fdb show dev tr0')).toContain('02:00:00:00:00:05 dst 192.0.2.3');
    const shown = await daemon.verb('config show');
    await daemon.verb(`reload ${other(shown)}`);
    expect(await daemon.verb('config show')).toBe(shown);
    const unknown = entry.replace('src_vni: 12', 'src_vni: 13');
    await expect(daemon.verb(`reload ${other(trunk('{vni: [10, 12], vlan: 20}', unknown))}`)).rejects.toThrow(
      /src_vni 13: tr0 has no such VNI; nothing was changed/,
    );
    expect(await daemon.verb('config show')).toBe(shown);
    writeFileSync(file, FIRST);
    await daemon.verb('reload');
    expect(await devices(a)).not.toContain('tr0');
  });

  it('does not start with a file that has mistakes, and says where', async () => {
    const bad = other('links:\n  x: {id: 1, colour: red}\n');
    const second = new DaemonProcess(a, join(lab.folder(), 'second.sock'), ['-c', bad]);
    expect(await second.end('SIGCONT')).toBe(2);
    expect(second.stderr).toContain(`${bad}:2:14: "colour" is not known; there are id,`);
    const taken = other('links:\n  x: {id: 42}\n');
    const third = new DaemonProcess(a, join(lab.folder(), 'third.sock'), ['-c', taken]);
    expect(await third.end('SIGCONT')).toBe(2);
    expect(third.stderr).toContain(`${taken}:2:6: x:`);
    expect(await devices(a)).not.toContain('x');
  });

  it('ends with all that it made', async () => {
    expect(await daemon.end()).toBe(0);
    expect((await devices(a)).sort()).toEqual(['eth0', 'lo']);
  });
});

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

const devices = async (host: Host) =>
  (await host.json<{ ifname: string }[]>('ip', '-j', 'link')).map(({ ifname }) => ifname);

/** A link that was made anew stands at the end. */
const inOrder = (text: string) =>
  text
    .split(/\n(?= {2}\w)/)
    .map((part) => part.trim())
    .sort();
/** Without the link-local ones, which the kernel gives a new device at its leisure. */
const addressesOf = (text: string) =>
  text
    .replaceAll(/ fe80::\S+/g, '')
    .split('\n')
    .map((line) => line.trim())
    .sort();
