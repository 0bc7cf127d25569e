/** The host's part of a flannel node in a host of a lab, with the daemon that it programs. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Family } from '../../src/flannel/contract/subnet.ts';
import type { HostSettings } from '../../src/flannel/host/host.ts';
import type { Peer } from '../../src/flannel/host/peer.ts';
import type { Report } from '../../src/flannel/host/reconcile.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { waitFor } from './wait-for.ts';

const SCRIPT = fileURLToPath(new URL('flannel-host.mjs', import.meta.url));

export class FlannelHost {
  readonly daemon: DaemonProcess;
  readonly child: ChildProcess;
  private readonly answers: string[] = [];
  private stderr = '';

  constructor(daemon: DaemonProcess) {
    this.daemon = daemon;
    this.child = daemon.host.spawn(process.execPath, SCRIPT, daemon.socket);
    let rest = '';
    this.child.stdout?.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() as string;
      this.answers.push(...lines);
    });
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  become(settings: HostSettings): Promise<void> {
    return this.order('become', settings);
  }

  /** Ends when nothing is left to be done, with the milliseconds that it took. */
  want(family: Family, peers: readonly Peer[]): Promise<number> {
    return this.order('want', [family, peers]);
  }

  /** Ends when it has begun. */
  begin(family: Family, peers: readonly Peer[]): Promise<void> {
    return this.order('begin', [family, peers]);
  }

  /** Looks again; the milliseconds that it took. */
  soon(): Promise<number> {
    return this.order('soon', true);
  }

  report(): Promise<{ [F in Family]?: Report & { device: string } }> {
    return this.order('report', true);
  }

  /** What the operator was told since the last time. */
  said(): Promise<string[]> {
    return this.order('said', true);
  }

  bridge(): Promise<void> {
    return this.order('bridge', true);
  }

  masquerade(): Promise<void> {
    return this.order('masquerade', true);
  }

  /** Its clock goes ahead by so much. */
  later(milliseconds: number): Promise<void> {
    return this.order('later', milliseconds);
  }

  leave(): Promise<void> {
    return this.order('leave', true);
  }

  /** Bytes that are resident. */
  memory(): Promise<number> {
    return this.order('memory', true);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await waitFor(() => this.child.signalCode, 'the process to be killed');
  }

  private ended(): undefined {
    if (this.child.exitCode !== null) throw new Error(this.stderr);
  }

  private async order<T>(order: string, words: unknown): Promise<T> {
    this.child.stdin?.write(`${JSON.stringify({ [order]: words })}\n`);
    const answer = await waitFor(
      () => this.answers.shift() ?? this.ended(),
      `an answer to ${order}: ${this.stderr}`,
      60_000,
    );
    const { ok, error } = JSON.parse(answer as string) as { ok: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return ok;
  }
}
