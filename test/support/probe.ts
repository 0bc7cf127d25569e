/** `probe.py` in a host of a lab: frames into a link's both sides, what comes of them, and what is told of its table. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Host } from './netns.ts';

const SCRIPT = join(import.meta.dirname, 'probe.py');

/** Frames in hex that were seen at the link, and at the other end of the cable. */
export interface Seen {
  vx0: string[];
  eth0: string[];
}

/** As rtnetlink tells it; `dst` in hex. */
export interface Told {
  verb: 'new' | 'del' | 'miss';
  bridge: boolean;
  state: number;
  mac?: string;
  dst?: string;
}

export class Probe {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private complaint = '';

  constructor(host: Host, end: Host) {
    this.child = host.spawn('/usr/bin/python3', SCRIPT, end.netns);
    this.child.stderr?.on('data', (chunk) => {
      this.complaint += chunk;
    });
    const input = this.child.stdout as NodeJS.ReadableStream;
    this.lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  carry(into: keyof Seen, frames: readonly string[], mark: string): Promise<Seen> {
    return this.ask({ into, frames, mark });
  }

  /** What was told since it was asked last. */
  told(): Promise<Told[]> {
    return this.ask({ events: true });
  }

  private async ask<T>(request: object): Promise<T> {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the probe ended: ${this.complaint}`);
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(answer.error);
    return answer as T;
  }
}
