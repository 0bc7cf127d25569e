/** Where a link's TAP is: others may move it to another network namespace, and name it anew there. */

import { type Device, findDevice } from '../io/devices.ts';
import type { HostWatch } from '../io/host-watch.ts';
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
    if (!this.isAstray) return findDevice(this.ifindex);
    const place = placeOfTap(this.tap);
    let found: Device | undefined;
    succeeds(() => {
      if (place) found = whereTapIs(this.tap, () => findDevice(place.name));
    });
    return found;
  }

  /** The kernel tells us that it is here no more, and nothing from then on. */
  deviceGone(): void {
    this.isAstray = true;
  }

  /** For those who follow it, it is as it was: of this number, and elsewhere of the name that the link has here. */
  look(watch: HostWatch, name: string): void {
    const device = this.isAstray ? this.device : undefined;
    if (device) watch.tell({ ...device, index: this.ifindex, ...(this.moved && { name }) });
  }
}
