/** Subnets of one family of which no two overlap, each with the name of whose it is. */

import { overlap, type Subnet } from './subnet.ts';

interface Owned {
  readonly subnet: Subnet;
  readonly owner: string;
}

export class SubnetIndex {
  /** By their bases. */
  private readonly inOrder: Owned[] = [];

  /** The owner of one that overlaps it. */
  rivalOf(subnet: Subnet): string | undefined {
    const at = this.placeOf(subnet.base);
    return [this.inOrder[at - 1], this.inOrder[at]].find((each) => each && overlap(each.subnet, subnet))
      ?.owner;
  }

  /** `subnet` has no rival. */
  add(subnet: Subnet, owner: string): void {
    this.inOrder.splice(this.placeOf(subnet.base), 0, { subnet, owner });
  }

  remove(subnet: Subnet): void {
    const at = this.placeOf(subnet.base);
    if (this.inOrder[at]?.subnet.base === subnet.base) this.inOrder.splice(at, 1);
  }

  clear(): void {
    this.inOrder.length = 0;
  }

  /** Of the first that does not begin before `base`. */
  private placeOf(base: bigint): number {
    let [low, high] = [0, this.inOrder.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.inOrder[middle].subnet.base < base) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
