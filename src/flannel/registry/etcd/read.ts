/**
 * Everything below the prefix as it stood at one revision, in pages. One that is too large to be taken, or to be made
 * in time, is asked for again in smaller ones; in the end a single key without its value.
 */
import { type Entry, RegistryError, type Snapshot } from '../registry.ts';
import type { EtcdClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { type Range, range } from './range.ts';
import { Refused, Unreached } from './sentences.ts';

/** Keys. */
const PAGE = 500;
/** How much smaller the next try is. */
const STEP = 8;
/** Bytes. */
const LARGEST_PAGE = 1 << 23;
/** More than any VXLAN could have. */
const MOST_KEYS = 1 << 20;
/** Others may compact what is just being read. */
const TRIES = 3;

export async function readAll(client: EtcdClient, keys: Keys): Promise<Snapshot> {
  for (let tries = 1; ; tries++) {
    try {
      return await readOnce(client, keys);
    } catch (error) {
      const isCompacted = error instanceof Refused && error.said.includes('has been compacted');
      if (!isCompacted || tries === TRIES) throw error;
    }
  }
}

async function readOnce(client: EtcdClient, keys: Keys): Promise<Snapshot> {
  const entries: Entry[] = [];
  let config: string | undefined;
  let revision: number | undefined;
  let { key } = keys.range;
  let limit = PAGE;
  for (let count = 0; ; ) {
    const from = { key, revision: revision && String(revision) };
    const page = await readPage(client, keys, from, limit);
    limit = page.limit;
    revision ??= page.revision;
    for (const kv of page.kvs) {
      const told = keys.told(kv);
      if (told?.what === 'config') config = told.value;
      else if (told) entries.push(told.entry);
    }
    if (!page.more) return { revision, config, entries };
    count += page.kvs.length;
    const next = keyAfter(page.kvs.at(-1));
    const isFurther = Buffer.compare(bytesOf(next), bytesOf(key)) > 0;
    if (!isFurther || count > MOST_KEYS) throw new RegistryError(`${client.name}: its keys have no end`);
    key = next;
  }
}

const bytesOf = (base64: string) => Buffer.from(base64, 'base64');

/** The first one that could follow. */
function keyAfter(kv: Kv | undefined): string {
  return Buffer.concat([bytesOf(kv?.key ?? ''), Buffer.alloc(1)]).toString('base64');
}

/** It answers, so the page was too heavy for it, or for us. */
async function isTooMuch(client: EtcdClient, keys: Keys, error: unknown): Promise<boolean> {
  if (!(error instanceof Unreached)) return false;
  if (error.code !== 'ETIMEDOUT') return error.code === 'EMSGSIZE';
  return client.ask(range({ key: keys.config, count_only: true })).then(
    () => true,
    () => false,
  );
}

interface Page extends Range {
  /** That the next one should have. */
  readonly limit: number;
}

async function readPage(client: EtcdClient, keys: Keys, from: object, limit: number): Promise<Page> {
  const body = { ...keys.range, ...from };
  for (let size = limit; ; size = Math.ceil(size / STEP)) {
    try {
      const page = await client.ask(range({ ...body, limit: String(size) }, LARGEST_PAGE));
      return { ...page, limit: Math.min(PAGE, size * STEP) };
    } catch (error) {
      if (!(await isTooMuch(client, keys, error))) throw error;
      if (size > 1) continue;
      const page = await client.ask(range({ ...body, limit: '1', keys_only: true }));
      return { ...page, kvs: page.kvs.map((kv) => ({ ...kv, value: undefined })), limit: 1 };
    }
  }
}
