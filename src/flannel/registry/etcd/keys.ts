/** Where a flannel network lies among etcd's keys. */
import type { Entry } from '../registry.ts';
import { decoded, encoded } from './fields.ts';
import type { Kv } from './kv.ts';

/** In letters of base64; what a node writes has a few hundred. */
const LARGEST_VALUE = 1 << 14;

/** A key and its value, both as far as they concern us. */
export type Told =
  | { readonly what: 'config'; readonly value: string }
  | { readonly what: 'subnet'; readonly entry: Entry };

export class Keys {
  readonly config: string;
  /** Of all that is below the prefix, ours or not. */
  readonly range: { readonly key: string; readonly range_end: string };
  private readonly subnets: string;

  constructor(prefix: string) {
    const root = prefix.replace(/\/+$/, '');
    this.config = encoded(`${root}/config`);
    this.subnets = `${root}/subnets/`;
    // 0 follows / in ASCII
    this.range = { key: encoded(`${root}/`), range_end: encoded(`${root}0`) };
  }

  subnet(key: string): string {
    return encoded(this.subnets + key);
  }

  /** What a key and its value mean to us; undefined: nothing. */
  told({ key, value: whole, revision }: Kv): Told | undefined {
    const value = whole !== undefined && whole.length <= LARGEST_VALUE ? decoded(whole) : undefined;
    // nothing is no JSON, and so refused by who reads it, which what is too large has to be, too
    if (key === this.config) return { what: 'config', value: value ?? '' };
    const path = decoded(key);
    if (!path.startsWith(this.subnets)) return undefined;
    return { what: 'subnet', entry: { key: path.slice(this.subnets.length), value, revision } };
  }
}
