/** Numbered datagrams from one host to another (`stream.py`), for as long as something else is done. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Host } from './netns.ts';
import { waitFor } from './wait-for.ts';

const SCRIPT = join(import.meta.dirname, 'stream.py');

class Side {
  private readonly child: ChildProcess;
  private said = '';

  constructor(host: Host, ...words: string[]) {
    this.child = host.spawn('/usr/bin/python3', SCRIPT, ...words);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.said += chunk;
      });
    }
  }

  async ready(): Promise<void> {
    await waitFor(() => this.said.includes('ready'), `one side of the stream: ${this.said}`);
  }

  async end(): Promise<[number, number]> {
    this.child.stdin?.write('stop\n');
    await waitFor(() => this.child.exitCode !== null, 'the stream to end');
    return this.said.replace('ready\n', '').trim().split(' ').map(Number) as [number, number];
  }
}

export class Stream {
  private readonly sender: Side;
  private readonly receiver: Side;

  private constructor(sender: Side, receiver: Side) {
    this.sender = sender;
    this.receiver = receiver;
  }

  static async start(from: Host, to: Host, address: string, port: number, rate: number): Promise<Stream> {
    const receiver = new Side(to, 'receive', address, `${port}`);
    await receiver.ready();
    const sender = new Side(from, 'send', address, `${port}`, `${rate}`);
    await sender.ready();
    return new Stream(sender, receiver);
  }

  /** How many were sent, at what rate, and how many of them arrived. */
  async end(): Promise<{ sent: number; rate: number; arrived: number }> {
    const [sent, rate] = await this.sender.end();
    const [arrived] = await this.receiver.end();
    return { sent, rate, arrived };
  }
}
