/**
 * `vtep --start`: the first verb starts the daemon of its network namespace, and the others find it.
 *
 *   host a                         host b: another namespace, so another daemon
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Host, Lab } from '../support/netns.ts';
import { commandForAll, MAIN } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

describe('the first verb', () => {
  const lab = new Lab();
  const folder = mkdtempSync(join(tmpdir(), 'vtep-start-'));
  let a: Host;
  let b: Host;
  beforeAll(() => {
    a = lab.host('a');
    b = lab.host('b');
  });
  afterAll(async () => {
    for (const host of [a, b]) {
      await vtep(host, 'stop').catch(() => {});
      rmSync(socketOf(host).replace('.sock', '.log'), { force: true });
    }
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const vtep = (host: Host, words: string) => host.run(process.execPath, MAIN, ...words.split(' '));
  const why = (host: Host, words: string) =>
    vtep(host, words).then(
      () => 'it was carried out',
      (error) => (error as { stderr: string }).stderr,
    );
  const socketOf = (host: Host) => `/run/vtep/${statSync(`/run/netns/${host.netns}`).ino}.sock`;

  it('finds none, and says so', async () => {
    expect(await why(a, 'link show')).toMatch(
      /^vtep: no daemon listens at \/run\/vtep\/\d+\.sock \(ENOENT\)/,
    );
  });

  it('starts one with --start, one for all who ask at once, and one for each namespace', async () => {
    const names = ['vx1', 'vx2', 'vx3'];
    await Promise.all(
      names.map((name, at) => vtep(a, `--start link add ${name} type vxlan id ${at + 1} dstport 4789`)),
    );
    const shown = JSON.parse(await vtep(a, '-j link show')) as { ifname: string }[];
    expect(shown.map(({ ifname }) => ifname).sort()).toEqual(names);
    expect(await vtep(b, '--start link show')).toBe('');
    expect(socketOf(a)).not.toBe(socketOf(b));
    expect([socketOf(a), socketOf(b)].map((path) => statSync(path).mode & 0o777)).toEqual([0o660, 0o660]);
  });

  it('starts one in the namespace that -netns names', async () => {
    const c = lab.host('c');
    try {
      await vtep(a, `-n ${c.netns} --start link add vx9 type vxlan id 9 dstport 4789`);
      expect(await c.run('ip', 'link', 'show', 'vx9')).toContain('vx9');
      expect(await vtep(c, '-o link show')).toContain(': vx9: ');
      expect(await a.run('ip', 'link')).not.toContain('vx9');
    } finally {
      await vtep(c, 'stop');
      rmSync(socketOf(c).replace('.sock', '.log'), { force: true });
    }
  });

  it('ends when the link that it was started for could not be made', async () => {
    const d = lab.host('d');
    d.ip('link add kernel type vxlan id 1 dstport 4789', 'link set kernel up');
    expect(await why(d, 'exec -- ip link add vx1 type vxlan id 2 dstport 4789')).toContain('EADDRINUSE');
    expect(existsSync(socketOf(d))).toBe(true);
    await waitFor(() => !existsSync(socketOf(d)), 'the daemon to end');
  });

  it('has no place for a user without a folder, unless VTEP_SOCKET names one', async () => {
    const main = commandForAll(lab);
    const asUser = (words: string, ...env: string[]) =>
      a.run(
        ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
        ...['env', '-u', 'XDG_RUNTIME_DIR', ...env, process.execPath, main, ...words.split(' ')],
      );
    for (const words of ['daemon', 'link show', 'exec -- true'])
      await expect(asUser(words)).rejects.toThrow(/XDG_RUNTIME_DIR is not set.* say --socket PATH/);
    const parent = lab.folder();
    const own = join(parent, 'own');
    mkdirSync(own);
    await expect(asUser('--start link show', `VTEP_SOCKET=${join(own, 'socket')}`)).rejects.toThrow(
      /^vtep: the daemon cannot be started: its log .* cannot be written \(EACCES\)$/m,
    );
    chmodSync(parent, 0o755);
    chownSync(own, 65534, 65534);
    const named = `VTEP_SOCKET=${join(own, 'socket')}`;
    expect(await asUser('--start link show', named)).toBe('');
    expect(await asUser('exec -- ip -o link show lo', named)).toMatch(/^1: lo: /);
    expect(readdirSync(own).sort()).toEqual(['socket', 'socket.log']);
    expect(await why(a, `--socket ${join(own, 'socket')} stop`)).toBe('it was carried out');
    await waitFor(() => readdirSync(own).length === 0, 'nothing to be left');
    chownSync(own, 1, 1);
    await expect(asUser('exec -- true', named)).rejects.toThrow(/ cannot be made \(EACCES\)/);
  });

  it('has the folder of the user for one who is root in a namespace of his own', async () => {
    const main = commandForAll(lab);
    const own = lab.folder();
    chownSync(own, 65534, 65534);
    const asRoot = (words: string) =>
      a.run(
        ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'unshare', '-r'],
        ...['env', `XDG_RUNTIME_DIR=${own}`, process.execPath, main, ...words.split(' ')],
      );
    await asRoot('--start link show');
    expect(readdirSync(join(own, 'vtep')).some((name) => name.endsWith('.sock'))).toBe(true);
    expect(await asRoot('exec -- ip -o link show lo')).toMatch(/^1: lo: /);
    await asRoot('stop');
  });

  it('takes no empty path, nor an empty name', async () => {
    expect(await why(a, '-socket  link show')).toMatch(/^vtep: -socket "" is empty/);
    expect(await why(a, '-n  link show')).toMatch(/^vtep: -n "" is empty/);
    expect(await why(a, 'daemon --socket ')).toMatch(/^vtep: --socket "" is empty/);
  });

  it('of another namespace is reached by -netns', async () => {
    expect(await vtep(b, `-n ${a.netns} -o link show vx1`)).toMatch(/^\d+: vx1: /);
    expect(await why(b, '-n none-such link show')).toMatch(
      /^vtep: there is no network namespace "none-such" \(ENOENT\)$/m,
    );
  });

  it('says why none could be started', async () => {
    const path = join(folder, 'taken.sock');
    writeFileSync(path, 'a file');
    const sentence = await why(a, `--start --socket ${path} link show`);
    expect(sentence).toMatch(/^vtep: /);
    expect(sentence).toContain(path);
    expect(sentence).not.toContain('    at ');
  });

  it('leaves the log to the one that has the path already', async () => {
    const [path, elsewhere, log] = ['had.sock', 'elsewhere.sock', 'had.log'].map((name) =>
      join(folder, name),
    );
    writeFileSync(log, 'of one before\n');
    await vtep(a, `--start --socket ${path} link show`);
    expect(readFileSync(log, 'utf8')).toBe(`vtep: daemon ready at ${path}\n`);
    renameSync(path, elsewhere);
    expect(await why(a, `--start --socket ${path} link show`)).toMatch(
      /^vtep: the daemon did not start: a daemon of .* runs, and .* deleted its socket .* \(EADDRINUSE\)$/m,
    );
    expect(readFileSync(log, 'utf8')).toContain(' ready at ');
    renameSync(elsewhere, path);
    await vtep(a, `--socket ${path} stop`);
    await waitFor(() => !existsSync(log), 'its log to go with it');
  });

  it('of another user, who has no right, is refused with a sentence', async () => {
    const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const words = [process.execPath, MAIN, '--socket', socketOf(a), 'link', 'show'];
    const run = () => execFileSync(user[0], [...user.slice(1), ...words], { stdio: 'pipe', cwd: '/' });
    expect(run).toThrow(/vtep: the control socket .* may not be used by you \(EACCES\)/);
  });

  it('ends with stop, and its links and socket with it', async () => {
    await vtep(a, 'stop');
    await waitFor(() => !existsSync(socketOf(a)), 'the socket to go');
    await waitFor(async () => !(await a.run('ip', 'link')).includes('vx'), 'the links to go');
    expect(await why(a, 'stop')).toMatch(/^vtep: no daemon listens/);
  });
});
