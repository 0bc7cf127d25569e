/** Opens the side that faces the remotes: sockets for the worker, or node:dgram. */

import { fchownSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { native } from '../io/native.ts';
import { SENDING_SOCKETS, spread } from '../io/source-ports.ts';
import { DgramUdpPort } from '../io/udp-dgram.ts';
import type { NativeSockets } from '../io/udp-native.ts';
import { parseIp } from '../wire/address.ts';
import * as host from './host.ts';
import type { Options, Say } from './link-options.ts';
import { type OffloadReport, turnOnUdp } from './offloads.ts';

const RECEIVE_BUFFER = 16 * 1024 * 1024;
const SEND_BUFFER = 2 * 1024 * 1024;
const OPTION = { ipv6: 1, df: 2, noChecksum: 4, sendsOnly: 8, shares: 16 };
const ANY_V4 = Int32Array.of(0, 0, 0xffff, 0);
const ANY_V6 = new Int32Array(4);

export interface Sender {
  readonly link: number;
  /** Interface that datagrams leave by; 0: the route's. */
  readonly device: number;
  readonly ipv6: boolean;
  /** Of each worker. */
  readonly counts: readonly Float64Array[];
  readonly offloads: OffloadReport;
}

/**
 * Native sockets for each worker; each stands in `undo` as soon as it is open. A worker has a socket of its own to
 * receive from, those that send are for all: a flow has one source port, whoever carries it.
 */
export function openNative(
  options: Options,
  sender: Sender,
  undo: (() => void)[],
  say: Say,
): NativeSockets[] {
  const addon = native();
  const { link, device, ipv6, counts, offloads } = sender;
  const receivers = openReceiving(options, ipv6, counts.length, undo);
  const { sending, sourcePorts } = openSending(options, ipv6);
  undo.push(() => {
    for (const fd of sending) addon.closeFd(fd);
  });
  sayBuffer(addon.udpBuffer(receivers[0], 0), say);
  const envelopes = new Uint8Array(new SharedArrayBuffer(128 * (link + 1)));
  const source = options.local === undefined ? null : (parseIp(options.local) as Int32Array);
  addon.udpEnvelope(
    envelopes,
    link,
    source,
    device,
    options.ttl === 'inherit' ? 0 : options.ttl,
    ipv6 ? 1 : 0,
  );
  for (const receiving of receivers) turnOnUdp(receiving, sending[0], options.checksum, offloads);
  const trains = offloads.has('gso');
  return receivers.map((receiving, worker) => ({
    receiving,
    sending,
    envelopes,
    sourcePorts,
    trains,
    counts: counts[worker],
  }));
}

/** With a small buffer a burst is lost: at 512 KB a fifth of a TCP flow's rate. */
function sayBuffer(granted: number, say: Say): void {
  if (granted >= RECEIVE_BUFFER) return;
  const kilobytes = Math.round(granted / 1024);
  say(
    'info',
    `the receive buffer is ${kilobytes} KB; as root: sysctl -w net.core.rmem_max=${RECEIVE_BUFFER}`,
  );
}

/**
 * A socket for each worker on the one port, among which the kernel spreads the flows (SO_REUSEPORT). The first is
 * bound as one that shares with nobody: if the port is in use, that is told, by whomever it is used. Further sockets
 * join only when they are of the same user, so in the end all are given to a user that nobody is (Linux 4.10).
 */
function openReceiving(options: Options, ipv6: boolean, count: number, undo: (() => void)[]): number[] {
  const addon = native();
  const any = ipv6 ? ANY_V6 : ANY_V4;
  const address = options.local === undefined ? any : (parseIp(options.local) as Int32Array);
  const fds: number[] = [];
  while (fds.length < count) {
    const flags = (ipv6 ? OPTION.ipv6 : 0) | (fds.length > 0 ? OPTION.shares : 0);
    const fd = addon.udpOpen(address, options.port, 0, flags, RECEIVE_BUFFER);
    if (fd < 0) throw new Error(bindSentence(options, getSystemErrorName(fd)));
    undo.push(() => addon.closeFd(fd));
    fds.push(fd);
    if (fds.length === 1 && count > 1) addon.udpShare(fd);
  }
  if (count > 1) fds.forEach(closeToOthers);
  return fds;
}

const NOBODYS_UID = 0x7ffffffe;

/** Only root may: beside an ordinary user's vtep, that user's other programs can still ask to share its port. */
function closeToOthers(fd: number): void {
  try {
    fchownSync(fd, NOBODYS_UID, -1);
  } catch {}
}

/** A UDP socket has one source port: a fixed set on free ports of the range, of which the flow hash picks one. */
function openSending(options: Options, ipv6: boolean): { sending: Int32Array; sourcePorts: number[] } {
  const flags =
    OPTION.sendsOnly |
    (ipv6 ? OPTION.ipv6 : 0) |
    (options.df === 'unset' ? 0 : OPTION.df) |
    (options.checksum ? 0 : OPTION.noChecksum);
  const opened: number[] = [];
  const sourcePorts: number[] = [];
  let last = 0;
  for (const port of spread(options.sourcePorts)) {
    if (opened.length === SENDING_SOCKETS) break;
    last = native().udpOpen(ipv6 ? ANY_V6 : ANY_V4, port, 0, flags, SEND_BUFFER);
    if (last < 0) continue;
    opened.push(last);
    sourcePorts.push(port);
  }
  if (opened.length > 0) return { sending: Int32Array.from(opened), sourcePorts };
  const [low, high] = options.sourcePorts;
  throw new Error(
    `srcport ${low} ${high}: none of these ports can be sent from (${getSystemErrorName(last)})`,
  );
}

export async function openDgram(options: Options, ipv6: boolean): Promise<DgramUdpPort> {
  const refused = [
    options.df !== undefined && 'df: node:dgram leaves the DF bit to the host',
    !options.checksum && 'noudpcsum: node:dgram always sends checksums',
  ].find((sentence) => sentence !== false);
  if (refused) throw new Error(`--transport dgram cannot do ${refused}; --transport native can`);
  for (const remote of options.dev === undefined ? [] : options.remotes) {
    const leaves = host.route(remote)?.dev;
    if (leaves === options.dev) continue;
    throw new Error(
      `--transport dgram cannot steer datagrams to dev ${options.dev}: the route to ${remote} leaves by ${leaves ?? 'no interface'}`,
    );
  }
  try {
    return await DgramUdpPort.open({
      ...options,
      ttl: options.ttl === 'inherit' ? 0 : options.ttl,
      ipv6,
      receiveBuffer: RECEIVE_BUFFER,
    });
  } catch (error) {
    throw new Error(bindSentence(options, (error as NodeJS.ErrnoException).code ?? (error as Error).message));
  }
}

function bindSentence(options: Options, code: string): string {
  const where = `UDP port ${options.port}${options.local ? ` at ${options.local}` : ''}`;
  if (code === 'EADDRINUSE') {
    return `${where} is in use (EADDRINUSE): a kernel vxlan or another VTEP of this namespace has it`;
  }
  if (code === 'EADDRNOTAVAIL') return `local "${options.local}" is no address of this host (${code})`;
  return `${where} cannot be opened (${code})`;
}
