/** What the forging tool sends, as tcpdump reads it on the other side of a cable.
 *
 *     fg-a [ veth 192.0.2.1 ]────────[ veth 192.0.2.2 ] fg-b
 */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const A = `fg-a-${process.pid}`;
const B = `fg-b-${process.pid}`;
const FORGE = join(import.meta.dirname, 'forge.mjs');

function ip(words: string): void {
  execFileSync('ip', words.split(' '));
}

/** The lines that tcpdump prints for the first `count` datagrams that arrive while `send` runs. */
async function captureWhile(count: number, send: () => void): Promise<string> {
  const words = [
    'netns',
    'exec',
    B,
    'timeout',
    '20',
    'tcpdump',
    '-lnvvi',
    'cable',
    '-c',
    `${count}`,
    'udp port 4789',
  ];
  const tcpdump = spawn('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise((resolve) => tcpdump.once('close', resolve));
  let text = '';
  tcpdump.stdout.on('data', (chunk) => {
    text += chunk;
  });
  // tcpdump says that it listens before the datagrams may come.
  await new Promise((resolve) => tcpdump.stderr.once('data', resolve));
  send();
  await closed;
  return text;
}

beforeAll(() => {
  ip(`netns add ${A}`);
  ip(`netns add ${B}`);
  ip(`link add cable netns ${A} type veth peer name cable netns ${B}`);
  ip(`-n ${A} address add 192.0.2.1/24 dev cable`);
  ip(`-n ${B} address add 192.0.2.2/24 dev cable`);
  ip(`-n ${A} link set cable up`);
  ip(`-n ${B} link set cable up`);
});

afterAll(() => {
  execFileSync('sh', ['-c', `ip netns del ${A}; ip netns del ${B}`]);
});

it('forges the source address and a right, a zero and a wrong checksum', async () => {
  const order = { from: '198.51.100.7', to: '192.0.2.2', sourcePort: 5000, destinationPort: 4789 };
  const lines = ['right', 'zero', 'wrong'].map((checksum) =>
    JSON.stringify({ ...order, payloadHex: '0800000000002a00ff', checksum }),
  );
  const text = await captureWhile(3, () => {
    execFileSync('ip', ['netns', 'exec', A, process.execPath, FORGE], { input: lines.join('\n') });
  });
  const verdicts = text.match(/198\.51\.100\.7\.5000 > 192\.0\.2\.2\.4789: \[[a-z ]+/g);
  expect(verdicts?.map((line) => line.split('[')[1])).toEqual(['udp sum ok', 'no cksum', 'bad udp cksum ']);
});

it('says what is wrong with an order', () => {
  const run = () =>
    execFileSync(process.execPath, [FORGE], { input: '{"from":"192.0.2.256"}', stdio: 'pipe' });
  expect(run).toThrow('forge: "192.0.2.256" is no IPv4 address');
});
