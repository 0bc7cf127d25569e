/** The command as a process, before a daemon that the test makes up: what it prints, how it ends, how fast it is. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMPLETIONS } from '../support/completions.ts';
import { type Answers, type FakeDaemon, fakeDaemon } from '../support/fake-daemon.ts';
import { type Ended, MAIN, VtepProcess } from '../support/vtep-process.ts';
import { waitFor } from '../support/wait-for.ts';

const LINK = {
  name: 'vx0',
  id: 42,
  ifindex: 7,
  mtu: 1450,
  pathMtu: 1450,
  address: '02:00:00:00:00:07',
  up: true,
  workers: 1,
  offloads: [],
};
const entry = (at: number) => ({
  mac: `02:00:00:${[16, 8, 0].map((by) => ((at >> by) & 0xff).toString(16).padStart(2, '0')).join(':')}`,
  dev: 'vx0',
  dst: '192.0.2.1',
  state: 'static',
  used: 0,
  updated: 0,
});
const exists = () => {
  throw Object.assign(new Error('it is there already (EEXIST)'), { code: 'EEXIST' });
};

let folder: string;
let daemon: FakeDaemon;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vtep-verbs-'));
});
afterEach(async () => {
  await daemon?.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(...words: string[]): VtepProcess & { child: ChildProcessWithoutNullStreams } {
  const env = { ...process.env, VTEP_SOCKET: daemon.path };
  return new VtepProcess(spawn(process.execPath, [MAIN, ...words], { env })) as VtepProcess & {
    child: ChildProcessWithoutNullStreams;
  };
}

async function vtep(words: string, stdin = ''): Promise<Ended> {
  const started = start(...words.split(' '));
  started.child.stdin.end(stdin);
  await waitFor(() => started.closed, words);
  return { code: started.child.exitCode, stdout: started.stdout, stderr: started.stderr };
}

async function daemonOf(answers: Answers): Promise<void> {
  daemon = await fakeDaemon(answers);
}

describe('a verb', () => {
  it('is carried out in silence', async () => {
    await daemonOf({});
    expect(await vtep('fdb a 02:00:00:00:00:01 dev vx0 dst 192.0.2.1')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(daemon.requests).toEqual([
      { verb: 'fdb add', args: { dev: 'vx0', mac: '02:00:00:00:00:01', dst: '192.0.2.1' } },
    ]);
  });

  it('alone is a request of its own, and not each of one', async () => {
    await daemonOf({});
    let asked = '';
    const other = createServer((socket) => {
      socket.write('{"vtep": "9", "protocol": 1}\n');
      socket.on('data', (chunk) => {
        asked += chunk;
        if (asked.endsWith('\n')) socket.write('{"id": 1, "ok": null}\n');
      });
    });
    await new Promise<void>((resolve) => other.listen(`${folder}/other.sock`, resolve));
    const { code } = await vtep(`-socket ${folder}/other.sock link del vx0`);
    other.close();
    expect(JSON.parse(asked)).toEqual({ id: 1, verb: 'link del', args: { name: 'vx0' }, chained: true });
    expect(code).toBe(0);
  });

  it('that the daemon refuses ends with 1 and its sentence', async () => {
    await daemonOf({ 'link add': exists });
    const ended = await vtep('link add vx0 type vxlan id 42');
    expect(ended).toEqual({ code: 1, stdout: '', stderr: 'vtep: it is there already (EEXIST)\n' });
  });

  it('that is not understood ends with 2, a sentence and the form, and nothing is asked', async () => {
    await daemonOf({});
    const { code, stdout, stderr } = await vtep('fdb add 02:00:00:00:00:01 dev vx0 dst 10.0.0.400');
    expect(stderr).toMatch(
      /^vtep: dst "10\.0\.0\.400" is not an IP address.*\nform: vtep fdb add MAC dev DEV/,
    );
    expect({ code, stdout, asked: daemon.requests }).toEqual({ code: 2, stdout: '', asked: [] });
  });

  it('shows nothing as an empty list, and few as one', async () => {
    await daemonOf({ 'link show': ({ name }) => (name ? [LINK] : []) });
    expect((await vtep('-j link show')).stdout).toBe('[]\n');
    expect((await vtep('-j -p link show')).stdout).toBe('[ ]\n');
    expect((await vtep('link show')).stdout).toBe('');
    expect(JSON.parse((await vtep('-j link show vx0')).stdout)).toMatchObject([
      { ifname: 'vx0', ifindex: 7 },
    ]);
    expect((await vtep('-o link show vx0')).stdout.split('\n')).toHaveLength(2);
  });

  it('without a daemon says how to start one', async () => {
    await daemonOf({});
    const { code, stderr } = await vtep(`-socket ${folder}/none.sock link show`);
    expect(stderr).toMatch(/^vtep: no daemon listens at .*none\.sock \(ENOENT\): start one by `vtep daemon`/);
    expect(code).toBe(1);
  });

  it.each([
    ['hello\n', /no vtep daemon listens there/],
    ['{"vtep": "9", "protocol": 99}\n', /speaks protocol 99, this is 1/],
    ['{"id": 0, "error": {"code": "EPERM", "message": "not you (EPERM)"}}\n', /not you \(EPERM\)/],
    ['', /no vtep daemon/],
  ])('before another who says %j says so', async (greeting, sentence) => {
    await daemonOf({});
    const other = createServer((socket) => socket.end(greeting));
    await new Promise<void>((resolve) => other.listen(`${folder}/other.sock`, resolve));
    const { code, stderr } = await vtep(`-socket ${folder}/other.sock link show`);
    other.close();
    expect(stderr).toMatch(sentence);
    expect(code).toBe(1);
  });

  it('whose reader has had enough ends in silence', async () => {
    await daemonOf({ 'fdb show': () => Array.from({ length: 50_000 }, (_, at) => entry(at)) });
    const shell = `"${process.execPath}" "${MAIN}" fdb show | head -1`;
    const child = spawn('bash', ['-c', shell], { env: { ...process.env, VTEP_SOCKET: daemon.path } });
    const piped = new VtepProcess(child);
    await waitFor(() => piped.closed, 'head');
    expect(piped.stderr).toBe('');
    expect(piped.stdout).toBe('02:00:00:00:00:00 dev vx0 dst 192.0.2.1 self static\n');
  });

  it('whose output finds no room says so', async () => {
    await daemonOf({ 'fdb show': () => [entry(1)] });
    const shell = `"${process.execPath}" "${MAIN}" fdb show >/dev/full`;
    const child = spawn('bash', ['-c', shell], { env: { ...process.env, VTEP_SOCKET: daemon.path } });
    const { code, stderr } = await new VtepProcess(child).ended();
    expect(stderr).toBe('vtep: what is shown could not be written (ENOSPC)\n');
    expect(code).toBe(1);
  });
});

describe('a batch', () => {
  const LINES = [
    'fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.1 # the first',
    'fdb append 02:00:00:00:00:02 \\',
    '  dev vx0 dst 192.0.2.2',
    'link add vx0 id 1',
    'fdb bogus',
    '"fdb" add 02:00:00:00:00:03 dev vx0 dst 192.0.2.3',
  ].join('\n');
  const macs = () => daemon.requests.map(({ args }) => (args as { mac?: string }).mac);

  it('ends at the first failure, and what was sent ahead is not carried out', async () => {
    await daemonOf({ 'link add': exists });
    const { code, stderr } = await vtep('-batch -', LINES.replace('fdb bogus', ''));
    expect(stderr).toBe('vtep: line 4: it is there already (EEXIST)\n');
    expect(code).toBe(1);
    expect(macs()).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02', undefined]);
  });

  it('ends where a line is not understood, when those before it are done', async () => {
    await daemonOf({});
    const { code, stderr } = await vtep('-batch -', LINES);
    expect(stderr).toMatch(/^vtep: line 5: the verb "bogus" of fdb is not known/);
    expect(code).toBe(1);
    expect(macs()).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02', undefined]);
  });

  it('goes on with -force, and tells of each failure by file and line, in order', async () => {
    await daemonOf({ 'link add': exists });
    writeFileSync(join(folder, 'lines'), LINES);
    const { code, stderr } = await vtep(`-force -batch ${folder}/lines`);
    expect(stderr.split('\n').map((line) => line.replace(folder, '').slice(0, 40))).toEqual([
      'vtep: /lines:4: it is there already (EEX',
      'vtep: /lines:5: the verb "bogus" of fdb ',
      '',
    ]);
    expect(code).toBe(1);
    expect(macs()).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02', undefined, '02:00:00:00:00:03']);
  });

  it('of many that go together ends at the one that fails, and with -force tells of just those', async () => {
    const bad = (at: number) => at % 100 === 42;
    const text = Array.from({ length: 900 }, (_, at) => `fdb add ${entry(at).mac} dev vx0 dst 192.0.2.1\n`);
    const isBad = ({ mac }: { mac: string }) => bad(text.findIndex((line) => line.includes(mac)));
    await daemonOf({ 'fdb add': (args) => isBad(args) && exists() });
    const forced = await vtep('-force -batch -', text.join(''));
    const told = text.flatMap((_, at) =>
      bad(at) ? [`vtep: line ${at + 1}: it is there already (EEXIST)`] : [],
    );
    expect(forced.stderr.trimEnd().split('\n')).toEqual(told);
    expect(macs()).toHaveLength(900);
    daemon.requests.length = 0;
    expect(await vtep('-batch -', text.join(''))).toEqual({ code: 1, stdout: '', stderr: `${told[0]}\n` });
    expect(macs()).toEqual(text.slice(0, 43).map((line) => line.split(' ')[2]));
  });

  it('goes in parts where as many at once would be too long', async () => {
    await daemonOf({});
    const remotes = Array.from(
      { length: 400 },
      (_, at) => ` remote 2001:db8:1111:2222:3333:4444:5555:${at + 1}`,
    );
    const text = Array.from({ length: 200 }, (_, at) => `link add vx${at} id ${at}${remotes.join('')}\n`);
    expect(await vtep('-batch -', text.join(''))).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(daemon.requests.map(({ args }) => (args as { id: number }).id)).toEqual(text.map((_, at) => at));
  });

  it('shows in its order', async () => {
    await daemonOf({ 'fdb show': ({ dev }) => (dev === 'a' ? [entry(1)] : [entry(2), entry(3)]) });
    const { stdout } = await vtep('-j -batch -', 'fdb show dev a\nfdb show dev b\nlink set a up\n');
    expect(stdout.split('\n').map((line) => (line ? JSON.parse(line).length : 0))).toEqual([1, 2, 0]);
  });

  it.each([
    ['monitor\n', /line 1: "monitor" is not known; a batch takes link, fdb, neigh and vni/],
    ['run vx0 id 1\n', /line 1: "run" is not known/],
    ['fdb show "a\n', /line 1: the quote " has no end/],
  ])('%j: %s', async (text, sentence) => {
    await daemonOf({});
    const { code, stderr } = await vtep('-batch -', text);
    expect(stderr).toMatch(sentence);
    expect(code).toBe(1);
  });

  it('that cannot be read is a sentence', async () => {
    await daemonOf({});
    expect((await vtep(`-batch ${folder}/none`)).stderr).toMatch(/none cannot be read \(ENOENT\)$/m);
  });

  it('carries lines out as they come, while whoever writes them waits', async () => {
    await daemonOf({});
    const writing = start('-batch', '-');
    writing.child.stdin.write('fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.1\n');
    await waitFor(() => daemon.requests.length === 1, 'the first line');
    writing.child.stdin.end('fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.1\n');
    await waitFor(() => writing.closed, 'the end');
    expect(macs()).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
    expect(writing.child.exitCode).toBe(0);
  });

  it('of 100,000 lines is done, each in its place', async () => {
    await daemonOf({});
    const count = 100_000;
    const lines = Array.from(
      { length: count },
      (_, at) => `fdb add ${entry(at).mac} dev vx0 dst 192.0.2.1\n`,
    );
    writeFileSync(join(folder, 'many'), lines.join(''));
    expect(await vtep(`-batch ${folder}/many`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(macs()).toEqual(Array.from({ length: count }, (_, at) => entry(at).mac));
  });
});

describe('a million entries', () => {
  it('are shown, and none is kept', async () => {
    const count = 1_000_000;
    await daemonOf({
      *'fdb show'() {
        for (let at = 0; at < count; at++) yield entry(at);
      },
    });
    const child = spawn(process.execPath, ['--max-old-space-size=32', MAIN, 'fdb', 'show'], {
      env: { ...process.env, VTEP_SOCKET: daemon.path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let most = 0;
    let bytes = 0;
    for await (const chunk of child.stdout) {
      bytes += (chunk as Buffer).length;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }
    expect(bytes).toBe(count * '02:00:00:00:00:00 dev vx0 dst 192.0.2.1 self static\n'.length);
    // the text alone has 52 MB, the objects a multiple of it
    expect(most).toBeLessThan(150_000);
    expect(most).toBeGreaterThan(0);
  }, 120_000);
});

describe('monitor', () => {
  it('prints what happens as it happens, with -j an object a line', async () => {
    let more = (_: unknown) => {};
    await daemonOf({
      async *monitor() {
        yield { event: 'fdb', deleted: false, entry: entry(1) };
        yield { event: 'miss', dev: 'vx0', ip: '10.0.0.9' };
        yield { event: 'miss', dev: 'vx0', mac: '02:00:00:00:00:09' };
        yield await new Promise((resolve) => {
          more = resolve;
        });
      },
    });
    const text = start('monitor', 'fdb', 'miss');
    await waitFor(() => text.stdout.includes('lladdr'), 'three events');
    expect(text.stdout.split('\n')).toEqual([
      '02:00:00:00:00:01 dev vx0 dst 192.0.2.1 self static',
      'miss 10.0.0.9 dev vx0 STALE ',
      'miss dev vx0 lladdr 02:00:00:00:00:09 STALE ',
      '',
    ]);
    expect(daemon.requests[0]).toEqual({ verb: 'monitor', args: { what: ['fdb', 'miss'] } });
    more({ event: 'link', deleted: true, link: LINK });
    await waitFor(() => text.stdout.includes('Deleted 7: vx0: <BROADCAST'), 'the fourth');
    text.child.kill();
    const objects = start('-j', 'monitor');
    await waitFor(() => objects.stdout.split('\n').length === 4, 'three objects');
    objects.child.kill();
    expect(
      objects.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { event: 'fdb', mac: '02:00:00:00:00:01', ifname: 'vx0', state: 'static' },
      { event: 'miss', dst: '10.0.0.9' },
      { event: 'miss', lladdr: '02:00:00:00:00:09' },
    ]);
  });
});

describe('help', () => {
  it.each([
    ['help', 0, /^A userspace VXLAN data plane over TAP/],
    ['link help', 0, /^vtep link add NAME type vxlan id VNI /],
    ['fdb help', 0, /\nvtep fdb flush dev DEV /],
    ['fdb add help', 0, /^vtep fdb add MAC dev DEV \[dst IP\]/],
    ['vni help', 0, /^vtep vni add vni VNI\[-VNI\] /],
    ['daemon --help', 0, /^vtep daemon \[-c FILE\] \[--socket PATH\] /],
    ['run --help', 0, /^vtep run NAME id VNI /],
    ['exec --help', 0, /^vtep exec -- CMD\.\.\. .*\n$/],
    ['reload help', 0, /^vtep reload \[FILE\] .*\n$/],
    ['-V', 0, /^vtep \d+\.\d+\.\d+\n$/],
  ])('%s', async (words, code, text) => {
    await daemonOf({});
    const ended = await vtep(words);
    expect(ended.stdout).toMatch(text);
    expect(ended.stdout.split('\n').every((line) => line.length <= 120)).toBe(true);
    expect([ended.code, ended.stderr]).toEqual([code, '']);
  });

  it('without a word is the same, and ends with 2', () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN], { encoding: 'utf8' });
    expect(stdout).toMatch(/^A userspace VXLAN/);
    expect(status).toBe(2);
  });
});

describe('completion', () => {
  /** What bash offers for the last word. */
  function complete(...words: string[]): string[] {
    const script = `
      vtep() { "${process.execPath}" "${MAIN}" "$@"; }
      source <(vtep completion bash)
      COMP_WORDS=(vtep "$@"); COMP_CWORD=$#
      _vtep
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split('\n').filter((word) => word !== '');
  }

  it.each(COMPLETIONS)('%j', (words, expected) => {
    expect(complete(...words)).toEqual(expected);
  });

  it.each(['bash', 'zsh', 'fish'])('for %s asks the command itself', async (shell) => {
    await daemonOf({});
    expect((await vtep(`completion ${shell}`)).stdout).toContain('vtep completion words');
  });

  it('for another shell is refused', async () => {
    await daemonOf({});
    const { code, stderr } = await vtep('completion csh');
    expect(stderr).toMatch(/the shell "csh" is not known/);
    expect(code).toBe(2);
  });
});
