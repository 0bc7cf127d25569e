/** etcd's one way of reading, and what it answers. */
import type { Question } from './client.ts';
import { type Fields, fieldsOf, integerOf, listOf } from './fields.ts';
import { type Kv, kvOf } from './kv.ts';

export interface Range {
  /** Of the whole etcd, at the time of the answer. */
  readonly revision: number;
  readonly kvs: readonly Kv[];
  /** Of all that are there, whatever the limit. */
  readonly count: number;
  readonly more: boolean;
}

/** Linearizable: by the cluster's majority, never what one member remembers. */
export function range(body: object, largest?: number): Question<Range> {
  return { path: 'kv/range', body, read: readRange, largest };
}

export function readRange(answer: Fields): Range {
  return {
    revision: integerOf(fieldsOf(answer.header).revision),
    kvs: listOf(answer.kvs).map(kvOf),
    count: integerOf(answer.count),
    more: answer.more === true,
  };
}
