/** `vtep flannel leave`: by the node's process, or without one by what its state folder remembers. */

import { existsSync } from 'node:fs';
import { MONOTONIC } from '../flannel/clock.ts';
import { giveBack } from '../flannel/leases/own-lease.ts';
import { type Left, leave as leaveHost } from '../flannel/leaving.ts';
import { askNode } from '../flannel/node-socket.ts';
import { type Remembered, recall } from '../flannel/remembered.ts';
import { connectDaemon, refuseUnprivileged } from './flannel-daemon.ts';
import { readLeave } from './flannel-reading.ts';
import { openRegistry } from './flannel-registry.ts';
import type { EtcdReading, LeaveReading } from './flannel-words.ts';
import type { CliOptions } from './options.ts';

export async function leave(words: readonly string[], options: CliOptions): Promise<number> {
  const reading = readLeave(words);
  refuseUnprivileged();
  const { done, failed } =
    ((await askNode(reading.state, 'leave')) as Left | undefined) ??
    (await leaveAlone(reading, reading.socket ?? options.socket));
  for (const sentence of done) process.stdout.write(`vtep: ${sentence}\n`);
  for (const sentence of failed) process.stderr.write(`vtep: ${sentence}\n`);
  return failed.length > 0 ? 1 : 0;
}

async function leaveAlone(reading: LeaveReading, socket: string | undefined): Promise<Left> {
  const known = existsSync(reading.state) ? recall<EtcdReading>(reading.state) : undefined;
  return leaveHost({
    giveBack: () => giveBackAlone(reading, known),
    connect: () => connectDaemon(socket, false),
    clock: MONOTONIC,
    subnetFile: known?.subnetFile,
  });
}

async function giveBackAlone(
  reading: LeaveReading,
  known: Remembered<EtcdReading> | undefined,
): Promise<boolean> {
  if (!known)
    throw new Error(`no node has written into the state folder ${reading.state} which it is (ENOENT)`);
  const said = Object.entries(reading).filter(([, value]) => value !== undefined);
  const registry = openRegistry({ ...known.words, ...Object.fromEntries(said) });
  try {
    return (await giveBack(registry, known.vni, known.ends)) > 0;
  } finally {
    registry.close();
  }
}
