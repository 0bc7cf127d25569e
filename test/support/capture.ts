/** What passes on an interface while a test runs, as a pcap file that independent decoders read; it goes with the lab. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from './netns.ts';
import { threadStates } from './process-state.ts';
import { TRANSFER_PORT } from './transfer.ts';
import { waitFor } from './wait-for.ts';

const CHECKSUMS = ['-o', 'udp.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'];
/** Random bytes are no protocol: a dissector that takes them for one would put them together for a quarter of an hour. */
const PLAIN_DATA = ['-d', `tcp.port==${TRANSFER_PORT},data`, '-o', 'tcp.desegment_tcp_streams:FALSE'];

export class Capture {
  readonly file: string;
  private readonly child: ChildProcess;
  private said = '';

  private constructor(host: Host, device: string, filter: string, bytes: number) {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-capture-'));
    host.lab.folders.push(folder);
    this.file = join(folder, 'capture.pcap');
    const words = [
      '-i',
      device,
      '-U',
      '-n',
      '-s',
      `${bytes}`,
      '--immediate-mode',
      '-B',
      '16384',
      '-w',
      this.file,
    ];
    this.child = host.spawn('tcpdump', ...words, ...filter.split(' ').filter(Boolean));
  }

  /** Resolves when it listens. `bytes` of each packet at most: the less, the more packets its buffer holds; 0: all. */
  static async start(host: Host, device: string, filter = '', bytes = 0): Promise<Capture> {
    const capture = new Capture(host, device, filter, bytes);
    const { child } = capture;
    child.stderr?.on('data', (chunk) => {
      capture.said += chunk;
    });
    const listens = () => capture.said.includes('listening on') || child.exitCode !== null;
    await waitFor(listens, 'tcpdump to listen');
    if (child.exitCode !== null) throw new Error(`tcpdump ended: ${capture.said}`);
    return capture;
  }

  /** Returns how many packets passed that it did not keep up with. */
  async stop(): Promise<number> {
    // told to end it would leave what it has not read; it sleeps when there is nothing more
    const { pid, exitCode } = this.child;
    if (exitCode === null)
      await waitFor(() => threadStates(pid as number)[0] === 'S', 'tcpdump to have read all');
    const closed = once(this.child, 'close');
    this.child.kill('SIGINT');
    await closed;
    return Number(/(\d+) packets? dropped by kernel/.exec(this.said)?.[1]);
  }

  /** The fields of every packet, one row each, as tshark decodes them. */
  tshark(fields: string[], filter = ''): string[][] {
    const words = ['-n', '-r', this.file, ...CHECKSUMS, ...PLAIN_DATA];
    const named = fields.flatMap((field) => ['-e', field]);
    const all = [...words, '-T', 'fields', '-E', 'separator=|', ...named, ...(filter ? ['-Y', filter] : [])];
    const out = execFileSync('tshark', all, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
      timeout: 60_000,
    });
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('|'));
  }

  /** All of the file so far, in hex. */
  bytes(): string {
    return readFileSync(this.file, 'hex');
  }
}
