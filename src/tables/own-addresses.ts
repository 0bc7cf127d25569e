/**
 * Who we are on the underlay: this host's addresses, and the ports that we send from. A datagram that has both
 * is our own, brought back by the underlay; two VTEPs on one host differ in their ports.
 */

import { OpenTable, type OpenTableMemory } from './open-table.ts';

export class OwnAddresses {
  private readonly table: OpenTable;
  private readonly ports: Uint8Array;

  constructor(memory: OpenTableMemory, ports: Uint8Array) {
    this.table = new OpenTable(memory, 5, 4);
    this.ports = ports;
  }

  isOwn(a0: number, a1: number, a2: number, a3: number, port: number): boolean {
    return this.ports[port] !== 0 && this.has(a0, a1, a2, a3);
  }

  /** Whether the address is this host's. */
  has(a0: number, a1: number, a2: number, a3: number): boolean {
    this.setKey(a0, a1, a2, a3);
    return this.table.find() >= 0;
  }

  /** One port may be sent from over IPv4 and over IPv6. */
  addPort(port: number): void {
    this.ports[port]++;
  }

  removePort(port: number): void {
    this.ports[port]--;
  }

  addAddress(ip: Int32Array): void {
    this.table.lock();
    this.setKey(ip[0], ip[1], ip[2], ip[3]);
    if (this.table.find() < 0) this.table.insert();
    this.table.unlock();
  }

  removeAddress(ip: Int32Array): void {
    this.table.lock();
    this.setKey(ip[0], ip[1], ip[2], ip[3]);
    const at = this.table.find();
    if (at >= 0) this.table.remove(at);
    this.table.unlock();
  }

  private setKey(a0: number, a1: number, a2: number, a3: number): void {
    const { key } = this.table;
    key[0] = a0;
    key[1] = a1;
    key[2] = a2;
    key[3] = a3;
  }
}
