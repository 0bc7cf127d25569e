/** Where a TAP is now: others may move it to another network namespace, and name it anew there. */

import { statSync } from 'node:fs';
import { native } from './native.ts';

export interface TapPlace {
  /** Inode of the network namespace. */
  readonly netns: number;
  /** What it is called there. */
  readonly name: string;
}

const NAME_ROOM = 16;
const room = Buffer.alloc(NAME_ROOM);

/** Undefined: it is gone, or we may not know. */
export function placeOfTap(fd: number): TapPlace | undefined {
  const netns = native().tapPlace(fd, room);
  return netns < 0 ? undefined : { netns, name: room.toString('utf8', 0, room.indexOf(0)) };
}

/** Of this process. */
export function ownNamespace(): number {
  return statSync('/proc/self/ns/net').ino;
}
