/** The VNIs of a trunk: a link each, with tables and counters of its own, and the trunk's TAP, sockets and settings. */

import { findDevice } from '../io/devices.ts';
import { VLANS } from '../tables/links.ts';
import type { Dataplane } from './dataplane.ts';
import { changeRemotes } from './default-remotes.ts';
import { Membership } from './groups.ts';
import type { Link, LinkSettings } from './link.ts';
import type { LinkOptions } from './link-options.ts';
import { PathWatch } from './path-watch.ts';
import type { Verbs, VniArgs } from './protocol.ts';
import { Refusal } from './refusal.ts';
import type { Remotes } from './site.ts';
import { type Undo, undoAll } from './undo.ts';

type VniItem = Verbs['vni show']['items'];

/** What carries it (`carried-link.ts`). */
interface Owner {
  readonly link: Link;
  readonly ifindex: number;
  readonly underlay: number;
  readonly options: LinkOptions;
  readonly state: { up: boolean };
}

/** What was said of a VNI. */
type Said = Pick<VniArgs, 'group' | 'remote' | 'vlan'>;

interface Member {
  readonly vni: number;
  readonly link: Link;
  readonly path: PathWatch;
  said: Said;
  membership?: Membership;
  readonly undo: Undo;
}

const NO_VLAN = -1;

export class Trunk {
  private readonly plane: Dataplane;
  private readonly owner: Owner;
  private readonly members = new Map<number, Member>();

  constructor(plane: Dataplane, owner: Owner) {
    this.plane = plane;
    this.owner = owner;
  }

  /** Those of all its VNIs, or of one. */
  links(vni?: number): Link[] {
    const members = vni === undefined ? [...this.members.values()] : [this.members.get(vni)];
    return members.flatMap((member) => (member ? [member.link] : []));
  }

  /** New VNIs; of those that are there already, what is said of them. All of them or none. Returns the new ones' links. */
  async add({ vni: [first, last], dev: _, ...said }: VniArgs): Promise<Link[]> {
    this.checkNew([first, last], said);
    const undo: Undo = [];
    try {
      const fresh: Member[] = [];
      const changed: Member[] = [];
      for (let vni = first; vni <= last; vni++) {
        const known = this.members.get(vni);
        const member = known ?? this.make(vni, undo);
        (known ? changed : fresh).push(member);
        this.restate(
          member,
          { ...said, ...(said.vlan !== undefined && { vlan: said.vlan + vni - first }) },
          undo,
        );
      }
      undo.push(() => this.join(changed));
      await this.join([...fresh, ...changed]);
      for (const { link } of fresh) link.appear();
      return fresh.map(({ link }) => link);
    } catch (error) {
      await undoAll(undo);
      throw error;
    }
  }

  /** Returns the links that are no more. */
  async del({ vni: [first, last] }: VniArgs): Promise<Link[]> {
    const { name } = this.owner.link;
    const gone = [...this.members.values()].filter(({ vni }) => vni >= first && vni <= last);
    if (first > last || gone.length <= last - first) {
      const range = first === last ? `VNI ${first}` : `or not all of the VNIs ${first}-${last}`;
      throw new Refusal('ENOENT', `${name} has no ${range}`);
    }
    await this.remove(gone);
    return gone.map(({ link }) => link);
  }

  close(): Promise<void> {
    return this.remove([...this.members.values()]);
  }

  /** VNIs that follow each other, and whose VLANs do, are one item; with counters each is one. */
  *show(stats = false): Generator<VniItem> {
    let item: VniItem | undefined;
    for (const { vni, link, said } of [...this.members.values()].sort((a, b) => a.vni - b.vni)) {
      if (item && !stats && continues(item, vni, said)) item.vni[1] = vni;
      else {
        if (item) yield item;
        const counters = stats ? link.ownCounters() : undefined;
        item = { dev: link.name, vni: [vni, vni], ...said, ...(counters && { counters }) };
      }
    }
    if (item) yield item;
  }

  /** Whether it could become what the options say. */
  check(to: LinkOptions): void {
    for (const { link, vni } of this.members.values()) link.checkFree({ ...to, vni });
  }

  /** Its settings are these now, after `from`; what was said of a VNI alone stays. */
  apply(from: LinkOptions, to: LinkOptions): void {
    for (const member of this.members.values()) {
      member.link.apply(this.settings(member, to));
      this.cook(member.link, to);
      changeRemotes(member.link, remotesOf(member.said, from), remotesOf(member.said, to));
      member.path.ask(remotesOf(member.said, to), this.device(to));
      this.listen(member, member.said, to);
    }
  }

  /** Once a second. */
  look(): void {
    const { options, underlay } = this.owner;
    for (const { path, said } of this.members.values()) path.look(remotesOf(said, options), underlay);
  }

  lookAtMtu(): void {
    const { options, underlay } = this.owner;
    for (const { path, said } of this.members.values()) path.lookAtMtu(remotesOf(said, options), underlay);
  }

  /** Its TAP is up, or down. */
  follow(isUp: boolean): void {
    for (const { membership } of this.members.values()) membership?.follow(isUp);
  }

  private checkNew([first, last]: [number, number], { group, remote, vlan }: Said): void {
    const { name } = this.owner.link;
    const { dev } = this.owner.options;
    if (first > last) throw new Refusal('EINVAL', `vni ${first}-${last}: the first is larger than the last`);
    if (group && remote)
      throw new Refusal('EINVAL', `group ${group} and remote ${remote} exclude each other`);
    if (group && !dev) {
      throw new Refusal('EINVAL', `group ${group} needs an interface to join it on: dev of ${name}`);
    }
    const { capacity } = this.plane.tables.links;
    if (last - first >= capacity)
      throw new Refusal('ENOSPC', `vni ${first}-${last}: there is room for ${capacity} links`);
    if (vlan === undefined) return;
    const lastVlan = vlan + last - first;
    if (lastVlan > VLANS - 2) {
      throw new Refusal(
        'EINVAL',
        `vlan ${vlan} and those behind it are too few: the last one is ${VLANS - 2}`,
      );
    }
    for (const member of this.members.values()) {
      const its = member.said.vlan ?? NO_VLAN;
      if ((member.vni >= first && member.vni <= last) || its < vlan || its > lastVlan) continue;
      throw new Refusal('EEXIST', `VLAN ${its} of ${name} is VNI ${member.vni} already`);
    }
  }

  private make(vni: number, undo: Undo): Member {
    const { host, links } = this.plane;
    const { link: trunk, ifindex, options } = this.owner;
    const link = links.add(this.settings({ vni, said: {} }, options), trunk.ipv6, trunk.isDual);
    const path = new PathWatch(link, this.plane.tables, this.plane.host);
    const member: Member = { vni, link, path, said: {}, undo: [] };
    undo.push(() => this.remove([member]));
    this.members.set(vni, member);
    link.srcVni = vni;
    link.interfaces = trunk.interfaces;
    member.undo.push(() => links.remove(link), host.follow(link, ifindex));
    this.cook(link, options);
    changeRemotes(link, { remotes: [] }, options);
    return member;
  }

  /** What is said holds; what is not said stays. */
  private restate(member: Member, { group, remote, vlan }: Said, undo: Undo): void {
    const before = member.said;
    const where = group || remote ? { group, remote } : { group: before.group, remote: before.remote };
    const said = { ...where, vlan: vlan ?? before.vlan };
    this.become(member, said);
    undo.push(() => this.become(member, before));
  }

  private become(member: Member, said: Said): void {
    const { options } = this.owner;
    const [before, after] = [remotesOf(member.said, options), remotesOf(said, options)];
    changeRemotes(member.link, before, after);
    try {
      this.listen(member, said, options);
    } catch (error) {
      changeRemotes(member.link, after, before);
      throw error;
    }
    member.said = said;
    member.link.apply(this.settings(member, options));
    member.path.ask(after, this.owner.underlay);
  }

  /** As those of the kernel's trunks, its datagrams to this host go through the loopback. */
  private settings({ vni, said }: Pick<Member, 'vni' | 'said'>, options: LinkOptions): LinkSettings {
    const settings = this.plane.settings({ ...options, group: said.group ?? options.group });
    return { ...settings, vni, localBypass: false, isTagged: true };
  }

  /** To what comes to the VNI's group on the trunk's `dev`, and to no other. */
  private listen(member: Member, { group }: Said, options: LinkOptions): void {
    const before = member.membership;
    const membership = group ? new Membership(this.plane.groups, group, this.device(options)) : undefined;
    membership?.follow(this.owner.state.up);
    member.membership = membership;
    before?.end();
  }

  private async join(members: readonly Member[]): Promise<void> {
    const rows = members.map(({ link, said }) => ({ link: link.index, vlan: said.vlan ?? NO_VLAN }));
    if (rows.length > 0) await this.plane.join(this.owner.link.index, rows);
  }

  private async remove(members: readonly Member[]): Promise<void> {
    if (members.length === 0) return;
    for (const { link } of members) link.disappear();
    const rows = members.map(({ link }) => ({ link: link.index, vlan: NO_VLAN }));
    await this.plane.part(this.owner.link.index, rows);
    for (const member of members) {
      this.members.delete(member.vni);
      member.membership?.end();
      await undoAll(member.undo);
    }
  }

  private cook(link: Link, options: LinkOptions): void {
    this.plane.sockets.cook(link.index, options, this.device(options));
  }

  /** The index of `dev`; 0: none is named. */
  private device({ dev }: LinkOptions): number {
    return (dev !== undefined && findDevice(dev)?.index) || 0;
  }
}

/** A VNI's own, or those of the trunk. */
function remotesOf({ group, remote }: Said, { remotes, group: common }: Remotes): Remotes {
  if (!group && !remote) return { remotes, group: common };
  return { remotes: remote ? [remote] : [], group };
}

function continues({ vni: [first, last], group, remote, vlan }: VniItem, vni: number, said: Said): boolean {
  const its = vlan === undefined ? undefined : vlan + vni - first;
  return vni === last + 1 && group === said.group && remote === said.remote && its === said.vlan;
}
