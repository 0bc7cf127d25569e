// Twice what a tunnel can carry: what is left of its rate, whether its memory grows, whether it still answers.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Packets } from './packets.mjs';
import { isRunning } from './rig.mjs';

const FLOWS = 2;
const SAMPLE_MS = 50;

/** Megabytes of memory in use. */
function residentMemory({ pid }) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

/** Milliseconds until SIGUSR2 has printed the tables and counters. */
async function answerTime(child) {
  const said = child.said.length;
  const from = performance.now();
  child.kill('SIGUSR2');
  while (!child.said.includes('rxFrames', said) && isRunning(child) && performance.now() - from < 5000)
    await pause(1);
  return performance.now() - from;
}

/** Asks and watches each of them until told to stop: the longest answer, the largest growth. */
async function watch(children, stopped) {
  const before = children.map(residentMemory);
  const seen = { growth: 0, answer: 0 };
  while (!stopped()) {
    for (const [i, child] of children.entries()) {
      seen.answer = Math.max(seen.answer, await answerTime(child));
      seen.growth = Math.max(seen.growth, residentMemory(child) - before[i]);
    }
    await pause(SAMPLE_MS);
  }
  return seen;
}

/**
 * What is delivered of `rate` as a share of what is delivered of the best rate, offered again just before: so both are as
 * long, and no highest of many; more than all is all. Of ours, also growth (MB) and answer (ms).
 */
export async function overload(hosts, { seconds, best, rate }) {
  const packets = new Packets(hosts, FLOWS);
  const before = await packets.offer(best, seconds * 1000);
  let done = false;
  const children = hosts.flatMap(({ vtep }) => vtep ?? []);
  const watching = children.length > 0 ? watch(children, () => done) : {};
  const { delivered } = await packets.offer(rate, seconds * 1000).finally(() => {
    done = true;
  });
  packets.end();
  return { share: Math.min(1, delivered / before.delivered), ...(await watching) };
}
