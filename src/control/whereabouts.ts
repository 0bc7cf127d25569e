/** Where a link's TAP is: others may move it to another network namespace, and name it anew there. */

import { type Device, findDevice } from '../io/devices.ts';
import type { HostWatch } from '../io/host-watch.ts';
import { neighborsOf } from '../io/neighbors.ts';
import { succeeds, whereTapIs } from '../io/rtnetlink.ts';
import { ownNamespace, placeOfTap, type TapPlace } from '../io/tap-place.ts';

export class Whereabouts {
  private readonly tap: number;
  private readonly ifindex: number;
  /** It was moved once; back here it may be the interface of another number. */
  isAstray = false;

  constructor(tap: number, ifindex: number) {
    this.tap = tap;
    this.ifindex = ifindex;
  }

  /** Undefined: it is in our namespace, or gone. */
  get moved(): TapPlace | undefined {
    const place = placeOfTap(this.tap);
    return place && place.netns !== ownNamespace() ? place : undefined;
  }

  /** As it is now. */
  get device(): Device | undefined {
    const here = this.isAstray ? undefined : findDevice(this.ifindex);
    return here ?? this.ask((device) => device);
  }

  /** What `work` asks and orders is meant for where it is. */
  within(work: () => void): void {
    if (this.isAstray || this.moved) whereTapIs(this.tap, work);
    else work();
  }

  /** Undefined: it is gone, or we may not. */
  private ask<T>(work: (device: Device) => T): T | undefined {
    const place = placeOfTap(this.tap);
    let answer: T | undefined;
    succeeds(() => {
      if (!place) return;
      answer = whereTapIs(this.tap, () => {
        const device = findDevice(place.name);
        return device && work(device);
      });
    });
    return answer;
  }

  /** The kernel tells us that it is here no more, and nothing from then on. */
  deviceGone(): void {
    this.isAstray = true;
  }

  /** For those who follow it, it is as it was: of this number, and elsewhere of the name that the link has here. */
  look(watch: HostWatch, name: string): void {
    if (!this.isAstray) return;
    const found = this.ask((device) => ({ device, neighbors: neighborsOf(device) }));
    if (!found) return;
    watch.tell({ ...found.device, index: this.ifindex, ...(this.moved && { name }) });
    watch.tellNeighbors(this.ifindex, found.neighbors);
  }
}
