/** A key and its value, as etcd tells them. */
import { type Fields, integerOf, textOf } from './fields.ts';

export interface Kv {
  /** Base64, as the value is. */
  readonly key: string;
  /** Undefined: it was too large to be read. */
  readonly value: string | undefined;
  /** When it was last written. */
  readonly revision: number;
  /** When it was first written. */
  readonly created: number;
  /** Empty: it has none. */
  readonly lease: string;
}

export function kvOf(fields: Fields): Kv {
  return {
    key: textOf(fields.key),
    value: textOf(fields.value),
    revision: integerOf(fields.mod_revision),
    created: integerOf(fields.create_revision),
    lease: textOf(fields.lease),
  };
}
