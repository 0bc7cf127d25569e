/**
 * A watch over everything below the prefix. It is a stream that says nothing while nothing happens, and a dead one says
 * as little, so every few seconds etcd is asked, over another connection, whether there is anything that should have
 * come: the latest revision of a key below the prefix and how many keys there are tell every change that lasts.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Lines } from '../../../control/lines.ts';
import { type Change, RegistryError, type Watching, type WatchListener } from '../registry.ts';
import type { EtcdClient } from './client.ts';
import { type Fields, fieldsOf, Garbled, listOf, parsed } from './fields.ts';
import { collect } from './http.ts';
import type { Keys } from './keys.ts';
import { kvOf } from './kv.ts';
import { type Range, range } from './range.ts';
import { failureOf, printable, Refused, Unreached, whyNotEtcd, whyNotReached } from './sentences.ts';

/** In milliseconds. */
export interface WatchTimes {
  /** Between two questions. */
  readonly beat: number;
  /** What etcd knows already may be under way for so long. */
  readonly grace: number;
}

/** In bytes; of what was written at once. */
const LARGEST_LINE = 1 << 25;
const LARGEST_REFUSAL = 1 << 16;

const LAST_CHANGED = { limit: '1', keys_only: true, sort_order: 'DESCEND', sort_target: 'MOD' };

export class EtcdWatch implements Watching {
  private readonly client: EtcdClient;
  private readonly keys: Keys;
  private readonly listener: WatchListener;
  private readonly times: WatchTimes;
  private readonly url: URL;
  private sent: ClientRequest | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isFollowing = false;
  private isOver = false;
  /** Of the last change that came, or of the beginning. */
  private told: number;
  /** Up to there nothing is missing. */
  private sure: number;
  /** How many keys are there now. */
  private count = 0;

  constructor(client: EtcdClient, keys: Keys, revision: number, listener: WatchListener, times: WatchTimes) {
    this.client = client;
    this.keys = keys;
    this.listener = listener;
    this.times = times;
    this.url = client.endpoint();
    this.told = revision;
    this.sure = revision;
    this.start().catch((error) => this.fail(error));
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.sent?.destroy();
  }

  private async start(): Promise<void> {
    const revision = String(this.told);
    const then = await this.client.askAt(this.url, range({ ...this.keys.range, revision, count_only: true }));
    this.count = then.count;
    const begin = { ...this.keys.range, start_revision: String(this.told + 1) };
    const sent = await this.client.stream(this.url, 'watch', { create_request: begin });
    this.sent = sent;
    if (this.isOver) return void sent.destroy();
    const silent = () => this.end(`no answer within ${this.client.limit / 1000} s (ETIMEDOUT)`);
    this.timer = setTimeout(silent, this.client.limit);
    sent.once('error', (error) => this.fail(error));
    sent.once('response', (answer) => {
      if (answer.statusCode === 200) this.follow(answer);
      else this.readRefusal(answer).catch((error) => this.fail(error));
    });
  }

  private follow(answer: IncomingMessage): void {
    const lines = new Lines(LARGEST_LINE);
    answer.once('error', (error) => this.fail(error));
    answer.once('end', () => this.end('it has ended the watch'));
    answer.on('data', (chunk) => {
      let whole: string[];
      try {
        whole = [...lines.add(chunk)];
      } catch {
        return this.end(`a change of more than ${LARGEST_LINE} bytes came`);
      }
      for (const line of whole) this.take(line);
    });
  }

  private async readRefusal(answer: IncomingMessage): Promise<void> {
    const text = await collect(answer, LARGEST_REFUSAL);
    const status = answer.statusCode ?? 0;
    if (!text.startsWith('{')) throw new Garbled(whyNotEtcd(status, text));
    throw failureOf(this.url, status, parsed(text));
  }

  private take(line: string): void {
    if (this.isOver) return;
    let changes: Change[];
    try {
      changes = this.changesOf(parsed(line));
    } catch (error) {
      return this.fail(error);
    }
    if (changes.length > 0) this.listener.changes(changes);
  }

  private changesOf({ error, result }: Fields): Change[] {
    if (error !== undefined) throw failureOf(this.url, 0, fieldsOf(error));
    const { created, canceled, compact_revision, cancel_reason, events } = fieldsOf(result);
    if (canceled === true) {
      const said = printable(String(cancel_reason ?? ''));
      const compacted = `what came after revision ${this.told} was compacted until ${compact_revision}`;
      throw new Refused(`${this.name}: ${compact_revision ? compacted : `it says "${said}"`}`, said);
    }
    if (created === true && !this.isFollowing) {
      this.isFollowing = true;
      this.beatLater();
    }
    const before = this.told;
    return listOf(events).flatMap((event) => this.changeOf(event, before));
  }

  private changeOf({ type, kv: fields }: Fields, before: number): Change[] {
    const kv = kvOf(fieldsOf(fields));
    const { revision } = kv;
    if (revision <= before) throw new Garbled('its changes come out of order');
    const isGone = type === 'DELETE';
    const isNew = !isGone && kv.created === revision;
    this.told = revision;
    this.count += Number(isNew) - Number(isGone);
    const meant = this.keys.told(kv);
    if (!meant) return [];
    if (meant.what === 'config') {
      return [{ what: 'config', value: isGone ? undefined : meant.value, revision }];
    }
    const { entry } = meant;
    return [isGone ? { what: 'gone', key: entry.key, revision } : { what: 'put', entry }];
  }

  private beatLater(): void {
    clearTimeout(this.timer);
    if (this.isOver) return;
    this.listener.heard?.();
    // a thousand nodes that were started together need not ask together
    const later = this.times.beat * (0.8 + 0.4 * Math.random());
    this.timer = setTimeout(() => this.beat().catch((error) => this.fail(error)), later);
  }

  private async beat(): Promise<void> {
    const now = await this.client.askAt(this.url, range({ key: this.keys.config, count_only: true }));
    if (now.revision < this.sure)
      return this.end('it knows less than before: its data was lost, or restored');
    // nothing was written at all, which is the rule
    if (now.revision <= Math.max(this.told, this.sure)) return this.beatLater();
    const last = await this.client.askAt(this.url, range({ ...this.keys.range, ...LAST_CHANGED }));
    if (this.isOver) return;
    this.timer = setTimeout(() => this.judge(last), this.hasTold(last) ? 0 : this.times.grace);
  }

  private judge(last: Range): void {
    if (!this.hasTold(last)) return this.end('its watch is silent although there were changes');
    this.sure = Math.max(this.sure, last.revision);
    this.beatLater();
  }

  /** Changes come in order: one from after it was asked means that all before it came, too. */
  private hasTold({ revision, kvs: [kv], count }: Range): boolean {
    if (this.told > revision) return true;
    return this.count === count && this.told >= (kv?.revision ?? 0);
  }

  private get name(): string {
    return `etcd at ${this.url.origin}`;
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    const failure = error instanceof RegistryError ? error : whyNotReached(this.url, error);
    if (failure instanceof Unreached) this.client.leave(this.url);
    this.client.noteRefusal(failure);
    this.over(failure.message);
  }

  private end(reason: string): void {
    this.over(`${this.name}: ${reason}`);
  }

  private over(reason: string): void {
    if (this.isOver) return;
    this.stop();
    this.listener.ended(reason);
  }
}
