/** Where a flannel network lies among etcd's keys. */
import type { Entry } from '../registry.ts';
import { base64Of, decoded, encoded, type Fields, integerOf } from './fields.ts';

/** In bytes; what a node writes has a few hundred. */
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

  /** What etcd's `kv` means to us; undefined: nothing. */
  told(kv: Fields): Told | undefined {
    const key = base64Of(kv.key);
    const value = base64Of(kv.value);
    const isRead = value.length <= (LARGEST_VALUE / 3) * 4 + 4 && !('unread' in kv);
    // nothing is no JSON, and so is what was not read
    if (key === this.config) return { what: 'config', value: isRead ? decoded(value) : '' };
    const path = decoded(key);
    if (!path.startsWith(this.subnets)) return undefined;
    const revision = integerOf(kv.mod_revision);
    const entry = {
      key: path.slice(this.subnets.length),
      value: isRead ? decoded(value) : undefined,
      revision,
    };
    return { what: 'subnet', entry };
  }
}
