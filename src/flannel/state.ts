/**
 * What a node keeps over its restarts, in a folder of its own: the MAC of each end of its tunnels. Others have it in
 * their tables, so it stays the same.
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../control/log.ts';
import { formatMac, parseMac } from '../wire/address.ts';
import { isGroup } from '../wire/ethernet.ts';
import { writeAtomically } from './atomic-file.ts';
import { quoted } from './contract/unusable.ts';

const LOCALLY_ADMINISTERED = 0x0200;
const GROUP = 0x0100;

export class State {
  private readonly folder: string;
  private readonly log: Log;
  private readonly macs = new Map<string, string>();

  constructor(folder: string, log: Log) {
    this.folder = folder;
    this.log = log;
  }

  /** Of that device, now and later. `known`: what it has already, if nothing is written down. */
  macOf(device: string, known?: string): string {
    const mac = this.macs.get(device) ?? this.readMac(device) ?? this.writeMac(device, known ?? randomMac());
    this.macs.set(device, mac);
    return mac;
  }

  private readMac(device: string): string | undefined {
    const path = this.pathOf(device);
    let text: string;
    try {
      text = readFileSync(path, 'utf8').trim();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') this.log('warn', `cannot read ${path}, so ${device} gets another MAC (${code})`);
      return undefined;
    }
    const mac = parseMac(text);
    if (mac && !isGroup(mac.high) && (mac.high | mac.low) !== 0) return formatMac(mac.high, mac.low);
    this.log('warn', `${path} has ${quoted(text)} where a MAC should be, so ${device} gets another one`);
    return undefined;
  }

  private writeMac(device: string, mac: string): string {
    try {
      writeAtomically(this.pathOf(device), `${mac}\n`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.log(
        'warn',
        `cannot write ${this.pathOf(device)}: ${device} has the MAC ${mac} only until the next start (${code})`,
      );
    }
    return mac;
  }

  private pathOf(device: string): string {
    return join(this.folder, `${device}.mac`);
  }
}

export function randomMac(): string {
  const bytes = randomBytes(6);
  return formatMac((bytes.readUInt16BE(0) & ~GROUP) | LOCALLY_ADMINISTERED, bytes.readInt32BE(2));
}
