/**
 * Requests to the kernel by netlink, mostly rtnetlink, answered at once: it carries a request out while it is being
 * sent, so all of the answer can be read as soon as `netlinkSend` returns, and nobody has to wait.
 */

import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { native } from './native.ts';
import { attributes, type Message, messages, setSequence, textOf } from './netlink-message.ts';

export const PROTOCOL = { route: 0, ipsec: 6, packetFilter: 12 } as const;

export const TYPE = {
  error: 2,
  done: 3,
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeigh: 28,
  delNeigh: 29,
  getNeigh: 30,
  getRule: 34,
} as const;

/** An order is acknowledged, a question too, after its answer; a dump ends by `done`. */
export const FLAGS = { ask: 0x005, create: 0x605, replace: 0x505, dump: 0x301 } as const;

/** Something changed while the dump went on, and it may not be whole. */
export const DUMP_INTERRUPTED = 0x10;

/** Of an error: the request is not repeated in it, the kernel's own sentence is. */
const HAS_SENTENCE = 0x200;
const SENTENCE = 1;
const ERROR_LENGTH = 20;
const TRIES = 10;

/** The kernel's No, as a sentence; `code`: the name of its errno. */
export class KernelRefusal extends Error {
  readonly code: string;

  constructor(what: string, errno: number, sentence: string) {
    const [code, meaning] = getSystemErrorMap().get(errno) ?? [getSystemErrorName(errno), ''];
    const why = sentence.replace(/\.$/, '') || meaning;
    super(`${what}${why && `: ${why}`} (${code})`);
    this.name = 'KernelRefusal';
    this.code = code;
  }
}

/** By protocol. */
const sockets = new Map<number, number>();
let sequence = 0;
let room: Buffer | undefined;

/** The bodies that the kernel answers with. `what`: how a refusal's sentence begins, `mtu 9 cannot be set on vx0`. */
export function ask(what: string, request: Buffer, protocol: number = PROTOCOL.route): Buffer[] {
  const fd = sockets.get(protocol) ?? open(what, protocol);
  for (let tries = 0; ; tries++) {
    setSequence(request, ++sequence);
    const sent = native().netlinkSend(fd, request);
    if (sent < 0) throw new KernelRefusal(what, sent, '');
    const { bodies, isWhole } = readAnswer(what, fd);
    if (isWhole || tries === TRIES) return bodies;
  }
}

/**
 * What is asked in `work` is asked in the network namespace that this TAP is in now. Only so long: a socket that is kept
 * there keeps the namespace, and with it the TAP.
 */
export function whereTapIs<T>(tap: number, work: () => T): T {
  const what = 'the namespace of the TAP cannot be asked';
  const here = sockets.get(PROTOCOL.route) ?? open(what, PROTOCOL.route);
  const there = native().netlinkOpenAt(tap);
  if (there < 0) throw new KernelRefusal(what, there, '');
  sockets.set(PROTOCOL.route, there);
  try {
    return work();
  } finally {
    sockets.set(PROTOCOL.route, here);
    native().closeFd(there);
  }
}

/** False: the kernel refused. */
export function succeeds(order: () => void): boolean {
  try {
    order();
    return true;
  } catch (error) {
    if (error instanceof KernelRefusal) return false;
    throw error;
  }
}

function open(what: string, protocol: number): number {
  const opened = native().netlinkOpen(0, protocol);
  if (opened < 0) throw new KernelRefusal(what, opened, 'netlink cannot be opened');
  sockets.set(protocol, opened);
  return opened;
}

function readAnswer(what: string, from: number): { bodies: Buffer[]; isWhole: boolean } {
  room ??= Buffer.alloc(1 << 18);
  const bodies: Buffer[] = [];
  let isWhole = true;
  for (;;) {
    const got = native().netlinkReceive(from, room);
    if (got <= 0) throw new KernelRefusal(what, got || -11, 'the kernel gave no answer');
    for (const part of messages(room.subarray(0, got))) {
      if (part.sequence !== sequence) continue;
      if (part.flags & DUMP_INTERRUPTED) isWhole = false;
      if (part.type === TYPE.error || part.type === TYPE.done) {
        refuse(what, part);
        return { bodies, isWhole };
      }
      bodies.push(Buffer.from(part.body));
    }
  }
}

/** Both ends of an answer begin with 0, or with what went wrong. */
function refuse(what: string, { type, flags, body }: Message): void {
  const errno = body.length < 4 ? 0 : body.readInt32LE(0);
  if (errno === 0) return;
  const from = type === TYPE.error ? ERROR_LENGTH : 4;
  throw new KernelRefusal(
    what,
    errno,
    flags & HAS_SENTENCE ? textOf(attributes(body, from).get(SENTENCE)) : '',
  );
}
