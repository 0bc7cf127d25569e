/** Opens the TAP, a queue for each worker. */

import { availableParallelism } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type Device, findDevice } from '../io/devices.ts';
import { native } from '../io/native.ts';
import { WORKERS_MOST } from '../tables/tables.ts';
import type { Options, Say } from './link-options.ts';
import { Refusal } from './refusal.ts';
import type { Undo } from './undo.ts';

/** A queue's descriptor for each worker. `existing`: the device of this name, whose kind was settled when it was made. */
export function openTap(options: Options, existing: Device | undefined, say: Say): number[] {
  const { name, workers } = options;
  // a further queue could be had, and would take another's frames
  if (existing?.queues) throw cannotOpen(name, 'EBUSY');
  checkIndex(options, existing);
  const wanted = countWorkers(options);
  const hasQueues = existing ? existing.queues !== undefined : wanted > 1;
  const fds: number[] = [];
  try {
    while (fds.length < (hasQueues ? wanted : 1)) fds.push(openQueue(options, hasQueues));
    if (wanted > fds.length && workers === 'auto')
      say('info', `the TAP ${name} has one queue, so there is one worker`);
    if (workers === 'auto' || workers === fds.length) return fds;
    throw new Error(
      `--workers ${workers}: the TAP ${name} was made with one queue, for one worker; root makes one with more by ` +
        `\`ip tuntap add dev ${name} mode tap multi_queue\``,
    );
  } catch (error) {
    for (const fd of fds) native().closeFd(fd);
    throw error;
  }
}

/** Of the cores, the other half is for those whose frames these are: two workers brought nothing on two cores. */
export function countWorkers({ workers, transport }: Pick<Options, 'workers' | 'transport'>): number {
  if (transport === 'dgram') return 1;
  return workers === 'auto' ? Math.min(Math.max(availableParallelism() >> 1, 1), WORKERS_MOST) : workers;
}

/** One that was asked for is free, or that of the device which is there. */
function checkIndex({ name, ifindex }: Options, existing: Device | undefined): void {
  const taken = ifindex === undefined ? undefined : (existing ?? findDevice(ifindex));
  if (!taken || (taken.name === name && taken.index === ifindex)) return;
  throw new Refusal(
    'EEXIST',
    taken.name === name
      ? `index ${ifindex}: ${name} is there already, as number ${taken.index}`
      : `index ${ifindex} is that of the interface ${taken.name} already`,
  );
}

function openQueue({ name, ifindex }: Options, isOneOfSeveral: boolean): number {
  const fd = native().tapOpen(name, isOneOfSeveral ? 1 : 0, ifindex);
  if (fd < 0) throw cannotOpen(name, getSystemErrorName(fd));
  return fd;
}

/**
 * Keeps each flow to one queue, so to one worker. An ordinary user mostly may not: there the kernel has a flow follow
 * its answers, and at its beginning some frames can overtake others.
 */
export function steer(fd: number, undo: Undo, say: Say): void {
  const result = native().tapSteer(fd, 1);
  if (result === 0) undo.push(() => void native().tapSteer(fd, 0));
  else {
    const code = getSystemErrorName(result);
    say('info', `a flow may change its worker when answers come, as flows cannot be steered (${code})`);
  }
}

function cannotOpen(name: string, code: string): Error {
  if (code === 'EACCES')
    return new Error('/dev/net/tun may not be opened (EACCES): `chmod 0666 /dev/net/tun` allows it');
  if (code === 'ENOENT')
    return new Error(
      '/dev/net/tun is missing (ENOENT): `modprobe tun` loads it, `--device /dev/net/tun` gives it to a container',
    );
  const user = process.getuid?.();
  const hints: Record<string, string> = {
    EPERM:
      user === 0
        ? 'the capability NET_ADMIN is missing; `--cap-add NET_ADMIN` gives it to a container'
        : `this user may not open the TAP; root prepares one by \`ip tuntap add dev ${name} mode tap user ${user}\``,
    EBUSY: 'another process holds it',
    EINVAL: 'an interface of this name is there, and it is no TAP',
  };
  return new Error(`the TAP ${name} cannot be opened (${code})${hints[code] ? `: ${hints[code]}` : ''}`);
}
