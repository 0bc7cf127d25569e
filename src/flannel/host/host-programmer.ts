/**
 * Programs this host with its peers in one family: neighbours of the tunnel's device and routes in the kernel, by
 * rtnetlink, forwarding entries in the daemon. Each says that it is ours: the kernel's by their protocol, the daemon's as
 * learned by another program. What does not say so is never changed.
 */

import type { FdbItem } from '../../control/protocol.ts';
import { type Device, findDevice } from '../../io/devices.ts';
import {
  addNeighbor,
  type Neighbor,
  NUD,
  neighborsOf,
  removeNeighbor,
  replaceNeighbor,
} from '../../io/neighbors.ts';
import {
  addRoute,
  findRoute,
  removeRoute,
  replaceRoute,
  routesBy,
  type TableRoute,
} from '../../io/routes.ts';
import { KernelRefusal, succeeds } from '../../io/rtnetlink.ts';
import { formatIp, knownIp } from '../../wire/address.ts';
import { PROTOCOL } from './mark.ts';
import type { Peer } from './peer.ts';
import {
  Away,
  directEntries,
  type Entry,
  type Programmed,
  type Programmer,
  type Table,
  tunnelEntries,
} from './programmer.ts';
import type { Tunnel } from './tunnel.ts';
import { DaemonRefusal, type VtepDaemon } from './vtep-daemon.ts';

export interface HostProgrammerOptions {
  readonly daemon: VtepDaemon;
  readonly tunnel: Tunnel;
  /** Packets to peers on our own link go without the tunnel. */
  readonly directRouting: boolean;
}

export class HostProgrammer implements Programmer {
  private readonly options: HostProgrammerOptions;
  private device: Device | undefined;
  /** Of remotes, which of our links they are on; asked anew when all is read, and after a failure. */
  private links = new Map<string, string | undefined>();

  constructor(options: HostProgrammerOptions) {
    this.options = options;
  }

  async programmed(): Promise<Programmed> {
    const { daemon, tunnel } = this.options;
    const device = await tunnel.ensure();
    this.device = device;
    this.links = new Map();
    const fdb = await daemon.ask('fdb show', { dev: tunnel.name, words: ['extern_learn'] });
    const neighbors = neighborsOf(device).filter(isOurs);
    const nameOf = namesOfDevices();
    return {
      neighbor: new Map(neighbors.map(({ ip, mac }) => [textOf(ip), mac])),
      fdb: new Map(fdb.map((item) => [item.mac, placeOf(item)])),
      route: new Map(
        routesBy(PROTOCOL, tunnel.options.ipv6).map((route) => [route.subnet, wayOf(route, nameOf)]),
      ),
    };
  }

  entriesOf(peer: Peer): Entry[] {
    const { tunnel, directRouting } = this.options;
    const link = directRouting ? this.linkTo(peer.remote) : undefined;
    return link === undefined ? tunnelEntries(peer, tunnel.name) : directEntries(peer, link);
  }

  async put(entry: Entry, before: string | undefined): Promise<void> {
    try {
      await this.puts[entry.table](entry, before);
    } catch (error) {
      this.links = new Map();
      throw ofAll(error);
    }
  }

  async remove(entry: Entry): Promise<void> {
    try {
      await this.removes[entry.table](entry);
    } catch (error) {
      if (!GONE.includes(codeOf(error))) throw ofAll(error);
    }
  }

  private readonly puts: Record<Table, (entry: Entry, before: string | undefined) => Promise<void>> = {
    neighbor: async ({ key, value }, before) => {
      const device = this.device as Device;
      const neighbor = { ip: knownIp(key), mac: value, protocol: PROTOCOL };
      if (before !== undefined) return replaceNeighbor(device, neighbor);
      try {
        addNeighbor(device, neighbor);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        // what the kernel has found out by itself, or in vain, is nobody's
        const known = neighborsOf(device).find(({ ip }) => textOf(ip) === key);
        if (known && (known.state & (NUD.permanent | NUD.noarp)) !== 0 && !isOurs(known)) {
          throw inTheWay(`the neighbour ${key} with ${known.mac} on ${device.name}`);
        }
        replaceNeighbor(device, neighbor);
      }
    },
    fdb: async ({ key, value }, before) => {
      const { daemon, tunnel } = this.options;
      const entry = {
        dev: tunnel.name,
        mac: key,
        dst: value,
        state: 'permanent' as const,
        flags: ['extern_learn' as const],
      };
      if (before !== undefined) return void (await daemon.ask('fdb replace', entry));
      try {
        await daemon.ask('fdb add', entry);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        const [known] = await daemon.ask('fdb get', { dev: tunnel.name, mac: key });
        if (known.state !== 'learned' && !known.flags?.includes('extern_learn')) {
          throw inTheWay(`the entry ${key} dst ${known.dst} of ${tunnel.name}`);
        }
        await daemon.ask('fdb replace', entry);
      }
    },
    route: async ({ key, value }, before) => {
      const route = this.routeOf(key, value);
      if (before !== undefined) return this.changeRoute(route, before);
      try {
        addRoute(route);
      } catch (error) {
        throw codeOf(error) === 'EEXIST' ? inTheWay(`the route to ${key}`) : error;
      }
    },
  };

  private readonly removes: Record<Table, (entry: Entry) => Promise<void>> = {
    neighbor: async ({ key }) => removeNeighbor(this.device as Device, knownIp(key)),
    fdb: async ({ key }) => {
      await this.options.daemon.ask('fdb del', { dev: this.options.tunnel.name, mac: key });
    },
    route: async ({ key }) => removeRoute({ subnet: key, protocol: PROTOCOL }),
  };

  /** IPv6 refuses a gateway which the route that is there would send by another interface: that one goes first, for a moment. */
  private changeRoute(route: TableRoute, before: string): void {
    try {
      replaceRoute(route);
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error;
      removeRoute(route);
      if (succeeds(() => addRoute(route))) return;
      succeeds(() => addRoute(this.routeOf(route.subnet, before)));
      throw error;
    }
  }

  private routeOf(subnet: string, way: string): TableRoute {
    const [, via, , dev, onlink] = way.split(' ');
    const device = dev === this.device?.name ? this.device : findDevice(dev);
    if (!device)
      throw new Error(`the route to ${subnet} cannot be set: there is no interface ${dev} (ENODEV)`);
    return { subnet, via, device: device.index, onlink: onlink !== undefined, protocol: PROTOCOL };
  }

  /** The interface whose own link a remote is on. */
  private linkTo(remote: string): string | undefined {
    if (!this.links.has(remote)) {
      const { dev, via } = findRoute(remote) ?? {};
      const isOnLink = dev !== this.options.tunnel.name && dev !== 'lo' && via === undefined;
      this.links.set(remote, isOnLink ? dev : undefined);
    }
    return this.links.get(remote);
  }
}

/** Each is asked for once. */
function namesOfDevices(): (index: number) => string {
  const names = new Map<number, string>();
  return (index) => {
    const name = names.get(index) ?? findDevice(index)?.name ?? `if${index}`;
    names.set(index, name);
    return name;
  };
}

const GONE = ['ENOENT', 'ESRCH', 'EADDRNOTAVAIL'];

function isOurs({ protocol }: Neighbor): boolean {
  return protocol === PROTOCOL;
}

function textOf(ip: Int32Array): string {
  return formatIp(ip[0], ip[1], ip[2], ip[3]);
}

/** Ours has an address only. */
function placeOf({ dst, port, vni, via }: FdbItem): string {
  const more = Object.entries({ port, vni, via }).filter(([, value]) => value !== undefined);
  return [dst, ...more.flat()].join(' ');
}

function wayOf({ via, device, onlink }: TableRoute, nameOf: (index: number) => string): string {
  return `via ${via} dev ${nameOf(device)}${onlink ? ' onlink' : ''}`;
}

function inTheWay(what: string): Error {
  return new Error(`${what} is somebody else's, and is not changed: it has to go first (EEXIST)`);
}

function codeOf(error: unknown): string {
  return error instanceof KernelRefusal || error instanceof DaemonRefusal ? error.code : '';
}

/** The device itself has gone: that is no matter of this peer alone. */
function ofAll(error: unknown): unknown {
  return codeOf(error) === 'ENODEV' ? new Away((error as Error).message) : error;
}
