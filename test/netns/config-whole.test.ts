/**
 * A file comes to be in force as a whole: no verb sees, or does, anything between its steps.
 *
 *   a [ forty links, or none ]
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/control/client.ts';
import type { Answer } from '../../src/control/protocol.ts';
import { DaemonProcess } from '../support/daemon-process.ts';
import { type Host, Lab } from '../support/netns.ts';

const LINKS = 40;
const text = `links:\n${Array.from({ length: LINKS }, (_, i) => `  vx${i}: {id: ${i}, remotes: [192.0.2.2]}`).join('\n')}\n`;

describe('a reload', () => {
  const lab = new Lab();
  let a: Host;
  let daemon: DaemonProcess;
  beforeAll(async () => {
    a = lab.host('a');
    daemon = await DaemonProcess.start(lab, a, '--log-level', 'warn');
  });
  afterAll(() => lab.close());

  /** Of an answer that has come: how many links it shows. */
  async function linksOf(answers: AsyncGenerator<Answer>): Promise<number> {
    for (let count = 0; ; ) {
      const { value } = await answers.next();
      if (!value || 'error' in value) throw new Error(value?.error.message ?? 'the daemon has closed');
      if (!('items' in value)) return count;
      count += value.items.length;
    }
  }

  it('is seen before or after, never in between, and those who asked meanwhile are answered', async () => {
    const [one, other] = [await Client.connect(daemon.socket), await Client.connect(daemon.socket)];
    const [done, shown] = [one.answers(), other.answers()];
    const seen: number[] = [];
    for (const wanted of [text, 'links: {}\n', text]) {
      one.send('config reload', { text: wanted });
      let ended = false;
      const ending = done.next().then(({ value }) => {
        ended = true;
        return value;
      });
      while (!ended) {
        other.send('link show', {});
        seen.push(await linksOf(shown));
      }
      expect(await ending).toMatchObject({ ok: null });
    }
    expect([...new Set(seen)].sort()).toEqual([0, LINKS]);
    one.close();
    other.close();
  });
});
