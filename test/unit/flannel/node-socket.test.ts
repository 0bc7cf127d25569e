/** Where a node's process can be asked, and what keeps a second one away. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askNode, NodeSocket } from '../../../src/flannel/node-socket.ts';

describe('the socket of a state folder', () => {
  let folder: string;
  let state: string;
  const opened: NodeSocket[] = [];
  const warned: string[] = [];
  const open = async () => {
    const socket = await NodeSocket.open(state, (sentence) => warned.push(sentence));
    opened.push(socket);
    return socket;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vtep-node-'));
    state = join(folder, 'deep', 'state');
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) await socket.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = createConnection(join(state, 'node.sock'), () => socket.write(text));
      let all = '';
      socket.setEncoding('utf8').on('data', (piece) => {
        all += piece;
      });
      socket.once('end', () => resolve(all)).once('error', reject);
    });

  it('answers what it is asked, and is nobody else to see', async () => {
    const socket = await open();
    await expect(askNode(state, 'status')).rejects.toThrow('has only just been started');
    socket.answering = async (verb) => ({ verb, of: 'a node' });
    expect(await askNode(state, 'status')).toEqual({ verb: 'status', of: 'a node' });
    socket.answering = () => {
      throw new Error('etcd is away (ECONNREFUSED)');
    };
    await expect(askNode(state, 'leave')).rejects.toThrow(/^etcd is away \(ECONNREFUSED\)$/);
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, 'node.sock')).mode & 0o777).toBe(0o600);
  });

  it('is gone when it is closed, and then nobody answers', async () => {
    const socket = await open();
    socket.answering = () => 1;
    await socket.close();
    opened.splice(0);
    expect(existsSync(join(state, 'node.sock'))).toBe(false);
    expect(await askNode(state, 'status')).toBeUndefined();
    await open();
  });

  it('closes though somebody asks, and does not come to the end', async () => {
    const socket = await open();
    const half = createConnection(join(state, 'node.sock'), () => half.write('{"verb": "sta'));
    const closed = new Promise((resolve) => half.once('close', resolve));
    half.on('error', () => {});
    await new Promise((resolve) => half.once('ready', resolve));
    expect(await askNode(state, 'status').catch(({ message }) => message)).toContain('only just');
    opened.splice(0);
    await Promise.all([socket.close(), closed]);
  });

  it('is one alone to a folder, whoever came in the same moment', async () => {
    const settled = await Promise.allSettled([open(), open(), open()]);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(open()).rejects.toThrow(
      `a node of the state folder ${state} runs already; --state names another (EADDRINUSE)`,
    );
  });

  it('takes the place of one whose process was killed', async () => {
    const first = await open();
    await first.close();
    opened.splice(0);
    // a file of a socket that nobody listens at
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(folder, 'dead.sock'), resolve));
    writeFileSync(join(state, 'node.sock'), '');
    await new Promise((resolve) => dead.close(resolve));
    const second = await open();
    second.answering = () => 'here';
    expect(await askNode(state, 'status')).toBe('here');
  });

  it.each(['no JSON\n', '{"verb":"dance"}\n', '[]\n', '1\n', `${'x'.repeat(2 << 20)}`])(
    'answers words that are none with a sentence',
    async (text) => {
      const socket = await open();
      socket.answering = () => 'fine';
      expect(JSON.parse(await raw(text))).toHaveProperty('error');
      expect(await askNode(state, 'status')).toBe('fine');
    },
  );

  it('says which folder cannot be made', async () => {
    writeFileSync(join(folder, 'deep'), 'a file');
    await expect(open()).rejects.toThrow(/^the state folder .*deep\/state cannot be made: .*\(E[A-Z]+\)$/);
    expect(await askNode(state, 'status')).toBeUndefined();
  });
});
