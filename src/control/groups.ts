/**
 * Multicast groups that this host has joined for its links. A membership is the host's: whichever socket holds it, the
 * group's datagrams come to every socket of their port that is bound to all addresses (IP_MULTICAST_ALL). So sockets that
 * do nothing else hold them, as many as it takes: one may join but 20 groups (net.ipv4.igmp_max_memberships).
 */

import { getSystemErrorName } from 'node:util';
import { native } from '../io/native.ts';
import { knownIp } from '../wire/address.ts';

interface Held {
  readonly holder: Holder;
  links: number;
}

interface Holder {
  readonly fd: number;
  readonly ipv6: boolean;
  groups: number;
  full: boolean;
}

const ENOBUFS = -105;
const ENOMEM = -12;

export class Groups {
  private readonly memberships = new Map<string, Held>();
  private readonly holders: Holder[] = [];

  /** One more link listens to `group` on the interface of this index. */
  join(group: string, device: number): void {
    const key = `${group} ${device}`;
    const known = this.memberships.get(key);
    if (known) known.links++;
    else this.memberships.set(key, { holder: this.hold(group, device), links: 1 });
  }

  leave(group: string, device: number): void {
    const key = `${group} ${device}`;
    const membership = this.memberships.get(key);
    if (!membership || --membership.links > 0) return;
    this.memberships.delete(key);
    const { holder } = membership;
    // refused where the interface is gone, and the membership with it
    native().udpGroup(holder.fd, knownIp(group), device, 0);
    holder.full = false;
    if (--holder.groups > 0) return;
    native().closeFd(holder.fd);
    this.holders.splice(this.holders.indexOf(holder), 1);
  }

  private hold(group: string, device: number): Holder {
    const address = knownIp(group);
    const ipv6 = group.includes(':');
    for (;;) {
      const known = this.holders.find((each) => each.ipv6 === ipv6 && !each.full);
      const holder = known ?? this.open(ipv6);
      const result = native().udpGroup(holder.fd, address, device, 1);
      if (result === 0) {
        holder.groups++;
        return holder;
      }
      if (known && (result === ENOBUFS || result === ENOMEM)) known.full = true;
      else {
        if (!known) native().closeFd((this.holders.pop() as Holder).fd);
        throw new Error(joinSentence(group, device, result));
      }
    }
  }

  private open(ipv6: boolean): Holder {
    const fd = native().udpGroups(ipv6 ? 1 : 0);
    if (fd < 0) throw new Error(`no socket can be had for multicast groups (${getSystemErrorName(fd)})`);
    const holder = { fd, ipv6, groups: 0, full: false };
    this.holders.push(holder);
    return holder;
  }
}

/** A link's place in its group: it has it while its TAP is up. */
export class Membership {
  private readonly groups: Groups;
  private readonly group: string;
  private readonly device: number;
  private isIn = false;
  private isOver = false;

  constructor(groups: Groups, group: string, device: number) {
    this.groups = groups;
    this.group = group;
    this.device = device;
  }

  follow(isUp: boolean): void {
    if (isUp === this.isIn || this.isOver) return;
    if (isUp) this.groups.join(this.group, this.device);
    else this.groups.leave(this.group, this.device);
    this.isIn = isUp;
  }

  end(): void {
    this.follow(false);
    this.isOver = true;
  }
}

function joinSentence(group: string, device: number, result: number): string {
  const code = getSystemErrorName(result);
  const limit = group.includes(':') ? 'net.core.optmem_max' : 'net.ipv4.igmp_max_memberships';
  const why = result === ENOBUFS || result === ENOMEM ? `: the host allows no more; see sysctl ${limit}` : '';
  return `group ${group} cannot be joined on interface ${device} (${code})${why}`;
}
