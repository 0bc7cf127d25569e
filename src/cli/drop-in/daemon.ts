/** The daemon of a network namespace, asked one thing after the other. */

import { Client, NoDaemon } from '../../control/client.ts';
import type { Answer, FdbArgs, MonitorItem, Verb, Verbs } from '../../control/protocol.ts';
import { Refusal } from '../../control/refusal.ts';
import { socketPath } from '../../control/socket-path.ts';

/** Of one entry, and nothing is shown. */
export interface EntryRequest {
  verb: 'fdb add' | 'fdb replace' | 'fdb append' | 'fdb del';
  args: FdbArgs;
}

export class Daemon {
  private readonly client: Client;
  private readonly answers: AsyncGenerator<Answer>;

  constructor(client: Client) {
    this.client = client;
    this.answers = client.answers();
  }

  /** That of a namespace. */
  static find(netns?: string): Promise<Daemon | undefined> {
    return Daemon.at(socketPath(netns));
  }

  /** Undefined: none listens there. `patience`: milliseconds that it may keep silent, until `waitOn`. */
  static async at(path: string, patience = 0): Promise<Daemon | undefined> {
    try {
      return new Daemon(await Client.connect(path, patience));
    } catch (error) {
      if (error instanceof NoDaemon) return undefined;
      throw error;
    }
  }

  static async findOrStart(real: string, netns?: string): Promise<Daemon> {
    const found = await Daemon.find(netns);
    if (found) return found;
    const { startDaemon } = await import('../start-daemon.ts');
    const within = netns === undefined ? [] : [real, 'netns', 'exec', netns];
    return new Daemon(await startDaemon(socketPath(netns), { within, words: ['--until-empty'] }));
  }

  /** All items of the answer. */
  async ask<V extends Verb>(verb: V, args: Verbs[V]['args']): Promise<Verbs[V]['items'][]> {
    this.client.send(verb, args);
    const items: unknown[] = [];
    for (;;) {
      const { value: answer, done } = await this.answers.next();
      if (done) throw new NoDaemon('the daemon has closed the connection (ECONNRESET)');
      if ('error' in answer) throw asSaid(answer.error);
      if (!('items' in answer)) return items as Verbs[V]['items'][];
      for (const item of answer.items) items.push(item);
    }
  }

  /** Sent together and carried out in their order, up to one that is refused: how many before it. */
  async askAhead(requests: readonly EntryRequest[]): Promise<number> {
    const ids = requests.map(({ verb, args }, at) => this.client.sendAmong(verb, args, at > 0));
    let refused: number | undefined;
    for (;;) {
      const { value: answer, done } = await this.answers.next();
      if (done) return refused ?? 0;
      if ('error' in answer) refused ??= ids.indexOf(answer.id);
      if (answer.id === ids.at(-1)) return refused ?? ids.length;
    }
  }

  /** What happens from now on, until the daemon ends. None first: from then on it is watched. */
  async *watch(what: Verbs['monitor']['args']['what']): AsyncGenerator<readonly MonitorItem[]> {
    this.client.send('monitor', { what });
    for await (const answer of this.answers) {
      if ('items' in answer) yield answer.items as readonly MonitorItem[];
    }
  }

  waitOn(): void {
    this.client.waitOn();
  }

  close(): void {
    this.client.close();
  }
}

/** The sentence has the code at its end already. */
function asSaid({ code, message }: { code: string; message: string }): Refusal {
  return new Refusal(code, message.replace(` (${code})`, ''));
}
