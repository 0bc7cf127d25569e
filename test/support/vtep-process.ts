/** `vtep run` as a user starts it: the built command, in a host of a lab. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Host, Lab } from './netns.ts';
import { waitFor } from './wait-for.ts';

export const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
export const TRANSPORTS = ['native', 'dgram'] as const;

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class VtepProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** It has ended, and all that it said is here. */
  closed = false;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    child.once('close', () => {
      this.closed = true;
    });
  }

  /** Starts `vtep run` with these words, split at spaces, and waits for its ready line. */
  static async start(host: Host, words: string): Promise<VtepProcess> {
    const vtep = new VtepProcess(host.spawn(process.execPath, MAIN, 'run', ...words.split(' ')));
    await vtep.ready();
    return vtep;
  }

  async ready(): Promise<void> {
    const readyOrEnded = () => this.stdout.includes(' ready: ') || this.closed;
    await waitFor(readyOrEnded, 'the ready line');
    if (!this.stdout.includes(' ready: ')) throw new Error(`vtep run ended at once: ${this.stderr}`);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** What SIGUSR2 prints now. */
  async dump(): Promise<string> {
    const before = this.stderr.length;
    this.child.kill('SIGUSR2');
    // txBytes is always there; what follows it may come in another piece, so it has to end a line
    const whole = () => /txBytes: \d+\n/.test(this.stderr.slice(before)) && this.stderr.endsWith('\n');
    await waitFor(whole, 'the tables after SIGUSR2');
    return this.stderr.slice(before);
  }

  async counter(name: string): Promise<number> {
    return Number(new RegExp(`^ {2}${name}: (\\d+)`, 'm').exec(await this.dump())?.[1] ?? 0);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended();
  }

  async ended(): Promise<Ended> {
    await waitFor(() => this.closed, 'vtep run to end');
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

/** A `vtep run` that is expected to end by itself. */
export function failing(host: Host, words: string): Promise<Ended> {
  return new VtepProcess(
    host.spawn(process.execPath, MAIN, 'run', ...words.split(' ').filter(Boolean)),
  ).ended();
}

/** The command where an ordinary user may read it: the checkout may lie in a folder that is root's own. */
export function commandForAll(lab: Lab): string {
  const folder = lab.folder();
  chmodSync(folder, 0o755);
  const root = join(import.meta.dirname, '..', '..');
  for (const part of ['dist', 'build', 'package.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  return join(folder, 'dist', 'cli', 'main.js');
}
