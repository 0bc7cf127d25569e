/** Native underlay ports on loopback addresses, opened as the control thread opens them. */
import { native } from '../../src/io/native.ts';
import type { UnderlayPort } from '../../src/io/port.ts';
import { DEFAULT_RANGE, spread } from '../../src/io/source-ports.ts';
import { UdpReceiver, UdpSender } from '../../src/io/udp-native.ts';
import type { Batch } from '../../src/memory/batch.ts';
import { OFFLOAD_COUNTS } from '../../src/memory/offload-counts.ts';
import { REMOTE_RECORD, REMOTE_RECORD_WORDS } from '../../src/memory/remote-record.ts';
import { parseIp } from '../../src/wire/address.ts';

const OPTION = { df: 2, sendsOnly: 8 };
const ANY = Int32Array.of(0, 0, 0xffff, 0);

export interface NativeOptions {
  sockets?: number;
  trains?: boolean;
  sendBuffer?: number;
}

/** Both ways, as one port. */
export class NativeUdpPort implements UnderlayPort {
  readonly counts = new Float64Array(OFFLOAD_COUNTS);
  readonly sourcePorts: readonly number[];
  private readonly receiver: UdpReceiver;
  private readonly sender: UdpSender;
  private readonly sending: Int32Array;

  constructor(fd: number, sending: Int32Array, sourcePorts: readonly number[], trains: boolean) {
    const { counts } = this;
    this.receiver = new UdpReceiver(fd, counts);
    this.sender = new UdpSender({ sending, envelopes: new Uint8Array(256), trains }, counts);
    this.sending = sending;
    this.sourcePorts = sourcePorts;
  }

  bind(records: Int32Array): void {
    this.sender.bind(records);
  }

  /** The receiving socket. */
  get fd(): number {
    return this.receiver.fd;
  }

  get failures(): number {
    return this.sender.failures;
  }

  set failures(count: number) {
    this.sender.failures = count;
  }

  get failed(): Int32Array {
    return this.sender.failed;
  }

  get blockedFd(): number {
    return this.sender.blockedFd;
  }

  receive(batch: Batch): number {
    return this.receiver.receive(batch);
  }

  transmit(batch: Batch, from: number, to: number): number {
    return this.sender.transmit(batch, from, to);
  }

  close(): void {
    native().closeFd(this.receiver.fd);
    for (const fd of this.sending) native().closeFd(fd);
  }
}

export function openNative(address: string, port: number, options: NativeOptions = {}): NativeUdpPort {
  const { sockets = 4, trains = false, sendBuffer = 1 << 20 } = options;
  const addon = native();
  const receiving = addon.udpOpen(parseIp(address) as Int32Array, port, 0, 0, 1 << 22);
  if (receiving < 0) throw new Error(`${address}:${port} cannot be opened: errno ${-receiving}`);
  if (trains) addon.udpTrains(receiving);
  const sending: number[] = [];
  const sourcePorts: number[] = [];
  for (const sourcePort of spread(DEFAULT_RANGE)) {
    if (sending.length === sockets) break;
    const fd = addon.udpOpen(ANY, sourcePort, 0, OPTION.sendsOnly | OPTION.df, sendBuffer);
    if (fd < 0) continue;
    sending.push(fd);
    sourcePorts.push(sourcePort);
  }
  return new NativeUdpPort(receiving, Int32Array.from(sending), sourcePorts, trains);
}

/** Records of remotes, as `tables/remotes.ts` lays them out. */
export function recordsOf(
  remotes: readonly (readonly [address: string, port: number, link?: number])[],
): Int32Array {
  const records = new Int32Array(remotes.length * REMOTE_RECORD_WORDS);
  for (const [i, [address, port, link = 1]] of remotes.entries()) {
    const at = i * REMOTE_RECORD_WORDS;
    records.set(parseIp(address) as Int32Array, at);
    records[at + REMOTE_RECORD.port] = port;
    records[at + REMOTE_RECORD.link] = link;
  }
  return records;
}
