/** `vtep daemon` in a host of a lab, and verbs to it. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Host, Lab } from './netns.ts';
import { MAIN } from './vtep-process.ts';
import { waitFor } from './wait-for.ts';

export class DaemonProcess {
  readonly host: Host;
  readonly socket: string;
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  closed = false;

  constructor(host: Host, socket: string, words: readonly string[]) {
    this.host = host;
    this.socket = socket;
    this.child = host.spawn(process.execPath, MAIN, 'daemon', '--socket', socket, ...words);
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.child.once('close', () => {
      this.closed = true;
    });
  }

  /** Its socket lies in a folder of the lab. */
  static async start(lab: Lab, host: Host, ...words: string[]): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(host, join(lab.folder(), 'vtep.sock'), words);
    await daemon.ready();
    return daemon;
  }

  async ready(): Promise<void> {
    await waitFor(() => this.stdout.includes(' ready at ') || this.closed, 'the daemon');
    if (this.closed) throw new Error(`vtep daemon ended at once: ${this.stderr}`);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** A verb, its words split at spaces; what it prints. It throws with what it says. */
  verb(words: string): Promise<string> {
    return this.host.run(process.execPath, MAIN, '--socket', this.socket, ...words.split(' '));
  }

  async json<T>(words: string): Promise<T> {
    return JSON.parse(await this.verb(`-j ${words}`)) as T;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    await waitFor(() => this.closed, 'the daemon to end');
    return this.child.exitCode;
  }
}
