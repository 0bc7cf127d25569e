/** Changes one after the other, until all ends. */
import { expect, it } from 'vitest';
import { Turns } from '../../../src/control/turns.ts';

function aHost() {
  const said: string[] = [];
  const turns = new Turns((_, sentence) => said.push(sentence));
  return { said, turns };
}

it('begins a change when the one before is done, though it failed', async () => {
  const { turns } = aHost();
  const order: string[] = [];
  const first = turns.take(async () => {
    order.push('begun');
    await new Promise(setImmediate);
    order.push('failed');
    throw new Error('no');
  });
  const second = turns.take(async () => order.push('next'));
  await expect(first).rejects.toThrow('no');
  await second;
  expect(order).toEqual(['begun', 'failed', 'next']);
});

it('ends what was begun, and begins nothing more', async () => {
  const { turns } = aHost();
  let isDone = false;
  const first = turns.take(async () => {
    await new Promise(setImmediate);
    isDone = true;
  });
  await Promise.resolve(); // it has begun
  await turns.end();
  await first;
  expect(isDone).toBe(true);
  await expect(turns.take(async () => {})).rejects.toThrow('(ECANCELED)');
});

it('says what goes wrong where nobody waits, and nothing of what comes as all ends', async () => {
  const { said, turns } = aHost();
  const unheard: unknown[] = [];
  const hear = (error: unknown) => unheard.push(error);
  process.on('unhandledRejection', hear);
  turns.takeAlone('vx0', () => Promise.reject(new Error('the port is in use')));
  await turns.take(async () => {});
  await turns.end();
  turns.takeAlone('vx0', () => Promise.reject(new Error('is never begun')));
  await new Promise(setImmediate);
  process.off('unhandledRejection', hear);
  expect([said, unheard]).toEqual([['vx0: the port is in use'], []]);
});
