/** Our end of the tunnel in one family: a link of the daemon, made where it is missing, mended where it is another. */

import { writeFileSync } from 'node:fs';
import type { LinkArgs, LinkItem } from '../../control/protocol.ts';
import { addAddress, addressesOf, formatAddress, parseAddress } from '../../io/addresses.ts';
import { changeDevice, type Device, findDevice } from '../../io/devices.ts';
import { MARK } from './mark.ts';
import { Away } from './programmer.ts';
import { DaemonRefusal, type VtepDaemon } from './vtep-daemon.ts';

export interface TunnelOptions {
  readonly ipv6: boolean;
  readonly vni: number;
  readonly port: number;
  /** The interface that leads to the other nodes, and our address on it. */
  readonly dev: string;
  readonly local: string;
  readonly mtu: number;
  readonly mac: string;
  /** The first of our subnet: what the others have as our end's; undefined: it is not known yet. */
  readonly address?: string;
  readonly learning: boolean;
}

const NAME_MOST = 15;

/** As flannel calls it; a name that would be too long for an interface is shortened. */
export function tunnelName(vni: number, ipv6: boolean): string {
  const [name, short] = ipv6 ? [`flannel-v6.${vni}`, `fl-v6.${vni}`] : [`flannel.${vni}`, `fl.${vni}`];
  return name.length <= NAME_MOST ? name : short;
}

/** What of an underlay's MTU is left for packets inside: flannel takes 50 for both, with which IPv6 does not work. */
export function tunnelMtu(external: number, ipv6: boolean): number {
  return external - (ipv6 ? 70 : 50);
}

export class Tunnel {
  readonly name: string;
  readonly options: TunnelOptions;
  private readonly daemon: VtepDaemon;

  constructor(daemon: VtepDaemon, options: TunnelOptions) {
    this.daemon = daemon;
    this.options = options;
    this.name = tunnelName(options.vni, options.ipv6);
  }

  /** It is there from here on, and as it should be. Throws a sentence where it cannot be. */
  async ensure(): Promise<Device> {
    refuseForeign(this.name, findDevice(this.name));
    const [known] = await this.known();
    if (known) await this.mend(known);
    else await this.make();
    const device = findDevice(this.name);
    if (!device) throw new Away(`${this.name} has gone in this moment (ENODEV)`);
    if (device.alias !== MARK) changeDevice(device, { alias: MARK });
    this.mendAddress(device);
    return device;
  }

  async remove(): Promise<void> {
    const [known] = await this.known();
    if (known) await this.daemon.ask('link del', { name: this.name });
  }

  private get wanted(): LinkArgs {
    const { vni, port, dev, local, mtu, mac, address, ipv6, learning } = this.options;
    return {
      name: this.name,
      id: vni,
      dstport: port,
      dev,
      local,
      learning,
      mtu,
      address: mac,
      ...(address !== undefined && { addresses: [`${address}/${ipv6 ? 128 : 32}`] }),
      up: true,
    };
  }

  private async known(): Promise<LinkItem[]> {
    const all = await this.daemon.ask('link show', {});
    return all.filter(({ name }) => name === this.name);
  }

  /** Up last: what is heard from the other nodes must not make it another. */
  private async make(): Promise<void> {
    const { addresses, up, ...rest } = this.wanted;
    await this.daemon.ask('link add', rest);
    quiet(this.name);
    await this.daemon.ask('link set', { name: this.name, addresses, up });
  }

  private async mend(known: LinkItem): Promise<void> {
    const { name, wanted } = this;
    const changes: LinkArgs = { name, ...different(known, wanted) };
    if (Object.keys(changes).length === 1) return;
    try {
      await this.daemon.ask('link set', changes);
    } catch (error) {
      const isOther = error instanceof DaemonRefusal && error.code === 'EAFNOSUPPORT';
      if (!isOther && !known.external) throw error;
      // of another family, or a trunk: nothing of it can stay
      await this.daemon.ask('link del', { name });
      await this.make();
    }
  }

  /** Somebody may have taken it from the device, of which the daemon's own words know nothing. */
  private mendAddress(device: Device): void {
    const has = addressesOf(device).map(formatAddress);
    for (const text of this.wanted.addresses ?? []) {
      const address = parseAddress(device, text);
      if (!has.includes(formatAddress(address))) addAddress(device, address);
    }
  }
}

/** What must be said so that a link is as it should be. */
function different(known: LinkItem, wanted: LinkArgs): Partial<LinkArgs> {
  const implied: Partial<LinkArgs> = { learning: true, addresses: [], remotes: [], group: null };
  const has = { ...implied, ...known };
  const all = { ...wanted, remotes: [], group: null };
  const changes = Object.entries(all).filter(
    ([key, value]) => JSON.stringify(has[key as keyof LinkArgs]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changes);
}

function refuseForeign(name: string, device: Device | undefined): void {
  if (!device || device.kind === 'tun') return;
  if (device.kind === 'vxlan') {
    throw new Away(
      `${name} is a link of the kernel, as flanneld makes it: stop flanneld, delete the link by ` +
        `\`ip link del ${name}\`, and it will be made here (EEXIST)`,
    );
  }
  throw new Away(`${name} is an interface already, and not one of ours: it has to go first (EEXIST)`);
}

/**
 * No router on the other side tells us addresses, and nobody is asked whether he has ours: nobody would be heard. Where
 * /proc/sys may not be written, as in many containers, it stays as it is.
 */
export function quiet(device: string): void {
  for (const setting of ['accept_ra', 'accept_dad']) {
    try {
      writeFileSync(`/proc/sys/net/ipv6/conf/${device}/${setting}`, '0');
    } catch {}
  }
}
