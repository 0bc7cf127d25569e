/**
 * What `vtep exec` and the daemons that it starts have under /run is gone with them; after a kill with the next one. And
 * what `vtep run` has made is gone when it fails in a way that nobody has thought of.
 *
 *   machine [ a /run of its own ]      a [ vx0 ]
 */
import { chmodSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from '../support/machine.ts';
import { type Host, Lab } from '../support/netns.ts';
import { commandForAll, MAIN, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const EXEC = [process.execPath, MAIN, 'exec', '--'];
const USER = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
/** Makes sockets of programs that have ended. */
const BIND = 'import socket, sys\nfor path in sys.argv[1:]: socket.socket(socket.AF_UNIX).bind(path)';
const OLD = 'touch -h -d "2 minutes ago"';

describe('what vtep exec leaves behind', () => {
  const lab = new Lab();
  let machine: Machine;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-left-'));
    lab.folders.push(folder);
    machine = await Machine.open(lab.host('machine'), folder);
  });
  afterAll(() => lab.close());

  const exec = (...lines: string[]) => machine.script(lines, EXEC);
  const left = async () =>
    (await machine.run('ls', '-A', '/run/vtep')).trim().split('\n').filter(Boolean).sort();

  it('is nothing, when its daemon has ended too', async () => {
    await exec('ip link add vx0 type vxlan id 1 dstport 4789', 'timeout 1 bridge monitor || true');
    expect(await left()).toEqual([expect.stringMatching(/^\d+\.log$/), expect.stringMatching(/^\d+\.sock$/)]);
    await exec('ip link del vx0');
    await waitFor(async () => (await left()).length === 0, 'nothing to be left');
  });

  it('is what somebody uses whom it has left running, as long as he runs', async () => {
    const later = 'read -r line </run/go; ip link add vx1 type vxlan id 1 dstport 4789; echo done >/run/done';
    await exec('mkfifo /run/go /run/done', `sh -c '${later}' >/dev/null 2>&1 &`);
    await exec('true');
    expect(await left()).toEqual([expect.stringMatching(/^exec-/)]);
    expect(await machine.script(['echo >/run/go; cat /run/done'])).toBe('done\n');
    await exec('ip -d link show vx1 | grep -q "vxlan id 1 "', 'ip link del vx1');
    await waitFor(async () => (await left()).length === 0, 'nothing to be left');
  });

  it('is taken away by the next one, after all were killed', async () => {
    const lines = 'ip link add vx2 type vxlan id 1; echo $PPID $$ >/run/pids; exec sleep 1000';
    const child = machine.spawn(...(EXEC as [string]), 'sh', '-c', lines);
    const isReady = () => machine.run('grep', '.', '/run/pids').then(Boolean, () => false);
    await waitFor(isReady, 'its link');
    await machine.script(['kill -KILL $(cat /run/pids) $(pgrep -f "daemon --socket")']);
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, 'it to end');
    expect((await left()).length).toBe(3);
    await exec('true');
    expect((await left()).length).toBe(2); // a daemon that starts now looks like that
    await machine.script(['touch -d "2 minutes ago" /run/vtep/*']);
    await exec('true');
    expect(await left()).toEqual([]);
  });

  it('is a socket or a pipe that is old, and a log only where both are', async () => {
    await machine.run('python3', '-c', BIND, '/run/vtep/1.sock');
    await machine.script([
      'cd /run/vtep',
      'mkfifo .monitor-4194304',
      `${OLD} 1.sock`,
      'echo "a daemon starts" >1.log',
    ]);
    await exec('true');
    expect(await left()).toEqual(['.monitor-4194304', '1.log', '1.sock']);
    await machine.script([`cd /run/vtep; ${OLD} .monitor-* 1.*`]);
    await exec('true');
    expect(await left()).toEqual([]);
  });

  it('is called as its own are, and no file of another kind', async () => {
    await machine.run('python3', '-c', BIND, '/run/vtep/another.sock');
    await machine.script([
      'cd /run/vtep',
      'touch another.log 2.sock 2.log .monitor-2',
      'ln -s another.sock 3.sock',
      `${OLD} * .monitor-2`,
    ]);
    const before = await left();
    await exec('true');
    expect(await left()).toEqual(before);
    await machine.script(['rm /run/vtep/* /run/vtep/.monitor-2']);
  });

  it('does not change how the command ends where it cannot be taken away', async () => {
    await machine.run('python3', '-c', BIND, '/run/vtep/1.sock', '/run/vtep/2.sock');
    await machine.script(['cd /run/vtep', 'mkdir 1.log', `${OLD} *`]);
    await expect(exec('exit 3')).rejects.toMatchObject({ code: 3 });
    expect(await left()).toEqual(['1.log']);
    await machine.script(['rmdir /run/vtep/1.log']);
    await expect(exec('rm -r /run/vtep; exit 4')).rejects.toMatchObject({ code: 4 });
  });

  it('is what it has made itself, where VTEP_SOCKET lies among files of others', async () => {
    const main = commandForAll(lab);
    const folder = lab.folder();
    chmodSync(folder, 0o755);
    await machine.run('python3', '-c', BIND, ...['7.sock', 'other.sock'].map((name) => join(folder, name)));
    await machine.script([
      `cd ${folder}`,
      'touch 7.log other.log plain.sock',
      'mkfifo .monitor-4194304',
      'mkdir exec-4194304-$(stat -Lc %i /proc/self/ns/pid)',
      `${OLD} * .monitor-*`,
      'chown -R 65534:65534 .',
    ]);
    const before = readdirSync(folder).sort();
    expect(before.length).toBe(7);
    const env = ['env', '-u', 'XDG_RUNTIME_DIR', `VTEP_SOCKET=${join(folder, 'v.sock')}`];
    const words = [...env, process.execPath, main, 'exec', '--', 'sh', '-c', 'exit 3'];
    await expect(machine.run(USER[0], ...USER.slice(1), ...words)).rejects.toMatchObject({ code: 3 });
    expect(readdirSync(folder).sort()).toEqual(before);
  });
});

describe('vtep run with a mistake in it', () => {
  const lab = new Lab();
  let a: Host;
  beforeAll(() => {
    a = lab.host('a');
  });
  afterAll(() => lab.close());

  /** Each thread of it carries the script out first. */
  const runWith = (script: string, ...words: string[]) => {
    const before = `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(script)}`;
    const run = [process.execPath, MAIN, 'run', 'vx0', 'id', '42', ...words];
    return new VtepProcess(a.spawn('env', before, ...run));
  };

  it('ends, and so does its TAP', async () => {
    const vtep = runWith("process.on('SIGWINCH', () => { throw new Error('a mistake'); })", '--workers', '2');
    await vtep.ready();
    const { code, stderr } = await vtep.stop('SIGWINCH');
    expect(code).not.toBe(0);
    expect(stderr).toContain('a mistake');
    expect(await a.run('ip', 'link')).not.toContain('vx0');
  });

  it.each([1, 2])('ends with a sentence when a worker of %s ends', async (workers) => {
    const script = `
      import { isMainThread } from 'node:worker_threads';
      if (!isMainThread) Atomics.load = () => { throw new Error('a mistake'); };`;
    const { code, stderr } = await runWith(script, '--workers', `${workers}`).ended();
    expect([code, stderr.split('\n').at(-2)]).toEqual([1, 'vtep: a mistake']);
    expect(await a.run('ip', 'link')).not.toContain('vx0');
  });
});
