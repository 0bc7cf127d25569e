/** A registry in etcd, over its JSON gateway, with flannel's keys. */
import { randomBytes } from 'node:crypto';
import type { Registry, Snapshot, Watching, WatchListener } from '../registry.ts';
import { type ClientOptions, EtcdClient } from './client.ts';
import { encoded, type Fields, fieldsOf, integerOf, listOf } from './fields.ts';
import { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { range, readRange } from './range.ts';
import { readAll } from './read.ts';
import { Refused } from './sentences.ts';
import { EtcdWatch, type WatchTimes } from './watch.ts';

export interface EtcdOptions extends ClientOptions {
  /** `/coreos.com/network` */
  readonly prefix: string;
  readonly times?: WatchTimes;
}

const TIMES: WatchTimes = { beat: 5000, grace: 2000 };

export class EtcdRegistry implements Registry {
  readonly name: string;
  private readonly client: EtcdClient;
  private readonly keys: Keys;
  private readonly times: WatchTimes;
  private readonly watches = new Set<Watching>();
  /** Of keys whose last writing may or may not have been carried out: the number of the lease that it had. */
  private readonly unsure = new Map<string, string>();

  constructor(options: EtcdOptions) {
    this.client = new EtcdClient(options);
    this.name = this.client.name;
    this.keys = new Keys(options.prefix);
    this.times = options.times ?? TIMES;
  }

  read(): Promise<Snapshot> {
    return readAll(this.client, this.keys);
  }

  create(key: string, value: string, ttl: number): Promise<number | undefined> {
    return this.put(key, value, ttl, 0);
  }

  renew(key: string, value: string, ttl: number, revision: number): Promise<number | undefined> {
    return this.put(key, value, ttl, revision);
  }

  async remove(key: string, revision: number): Promise<boolean> {
    const at = this.keys.subnet(key);
    return this.client.ask({
      path: 'kv/txn',
      body: {
        compare: [standsAt(at, revision)],
        success: [{ request_delete_range: { key: at } }],
        failure: [{ request_range: { key: at } }],
      },
      // sent twice, it is gone by the first
      read: (answer, again) => answer.succeeded === true || (again && !found(answer)),
    });
  }

  async timeLeft(key: string): Promise<number | undefined> {
    const { kvs } = await this.client.ask(range({ key: this.keys.subnet(key) }));
    const lease = kvs[0]?.lease;
    if (!lease) return undefined;
    const left = await this.client.ask({
      path: 'lease/timetolive',
      body: { ID: lease },
      read: (answer) => integerOf(answer.TTL),
    });
    return left < 0 ? undefined : left;
  }

  writeConfig(value: string, force: boolean): Promise<boolean> {
    const key = this.keys.config;
    return this.client.ask({
      path: 'kv/txn',
      body: {
        compare: force ? [] : [standsAt(key, 0)],
        success: [{ request_put: { key, value: encoded(value) } }],
        failure: [{ request_range: { key } }],
      },
      // sent twice, it stands there by the first
      read: (answer, again) =>
        answer.succeeded === true || (again && found(answer)?.value === encoded(value)),
    });
  }

  watch(revision: number, listener: WatchListener): Watching {
    const inner = new EtcdWatch(
      this.client,
      this.keys,
      revision,
      {
        changes: (changes) => listener.changes(changes),
        heard: () => listener.heard?.(),
        ended: (reason) => {
          this.watches.delete(inner);
          listener.ended(reason);
        },
      },
      this.times,
    );
    this.watches.add(inner);
    return {
      stop: () => {
        this.watches.delete(inner);
        inner.stop();
      },
    };
  }

  close(): void {
    for (const watch of this.watches) watch.stop();
    this.watches.clear();
    this.client.close();
  }

  /** With a lease of its own, if the key stands as at `revision`; 0 is that of a key that is not there. */
  private async put(key: string, value: string, ttl: number, revision: number): Promise<number | undefined> {
    const lease = this.unsure.get(key) ?? newLease();
    try {
      await this.grant(lease, ttl);
      const { stands, isOurs } = await this.putWith(lease, key, value, revision);
      this.unsure.delete(key);
      if (!isOurs) await this.revoke(lease);
      return stands;
    } catch (error) {
      this.unsure.set(key, lease);
      throw error;
    }
  }

  /** The number of a lease is chosen here, so asking for it twice makes one, and by it we know what we wrote. */
  private putWith(lease: string, key: string, value: string, revision: number): Promise<Written> {
    const at = this.keys.subnet(key);
    return this.client.ask({
      path: 'kv/txn',
      body: {
        compare: [standsAt(at, revision)],
        success: [{ request_put: { key: at, value: encoded(value), lease } }],
        failure: [{ request_range: { key: at } }],
      },
      read: (answer) => {
        if (answer.succeeded === true) {
          return { stands: integerOf(fieldsOf(answer.header).revision), isOurs: true };
        }
        const kv = found(answer);
        const isOurs = kv?.lease === lease;
        const isSame = isOurs && kv.value === encoded(value);
        return { stands: isSame ? kv.revision : undefined, isOurs };
      },
    });
  }

  private async grant(lease: string, ttl: number): Promise<void> {
    const body = { ID: lease, TTL: String(Math.ceil(ttl)) };
    try {
      await this.client.ask({ path: 'lease/grant', body, read: nothing });
    } catch (error) {
      if (!(error instanceof Refused) || !error.said.includes('lease already exists')) throw error;
      await this.client.ask({ path: 'lease/keepalive', body: { ID: lease }, read: nothing });
    }
  }

  /** It would end by itself, so it does not matter if that fails. */
  private async revoke(lease: string): Promise<void> {
    await this.client.ask({ path: 'lease/revoke', body: { ID: lease }, read: nothing }).catch(nothing);
  }
}

interface Written {
  /** The revision of what was to be written, if it stands. */
  readonly stands: number | undefined;
  /** The key has our lease. */
  readonly isOurs: boolean;
}

const nothing = () => {};

/** A positive one of 63 bits. */
function newLease(): string {
  return String((randomBytes(8).readBigUInt64BE() >> 1n) | 1n);
}

function standsAt(key: string, revision: number) {
  if (revision === 0) return { key, target: 'VERSION', result: 'EQUAL', version: '0' };
  return { key, target: 'MOD', result: 'EQUAL', mod_revision: String(revision) };
}

/** What stands at the key of a transaction that did not succeed. */
function found(answer: Fields): Kv | undefined {
  const [response] = listOf(answer.responses);
  return readRange(fieldsOf(response?.response_range)).kvs[0];
}
