declare module 'pcap-parser' {
  import type { EventEmitter } from 'node:events';
  /** Emits `packet` with `{ header, data }` for each packet of a pcap file, then `end`. */
  export function parse(file: string): EventEmitter;
}
