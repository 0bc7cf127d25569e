/** Verbs that the daemon carries out: one of the command line, or a batch of them. */

import { createReadStream } from 'node:fs';
import { Client, NoDaemon } from '../control/client.ts';
import { socketPath } from '../control/socket-path.ts';
import { batchLines } from './batch-lines.ts';
import { Conversation, type Job } from './converse.ts';
import { UsageError } from './grammar.ts';
import { findVerb, loadObject, planOf } from './objects.ts';
import type { CliOptions } from './options.ts';
import type { Plan } from './plan.ts';

export async function carryOutVerb(plan: Plan, options: CliOptions): Promise<number> {
  return carryOut([{ where: '', plan }], { ...options, force: false });
}

export async function carryOutBatch(file: string, options: CliOptions): Promise<number> {
  const status = await carryOut(jobsOf(file, options), options);
  // after a failure there may be lines to come, which nobody waits for
  if (file === '-') process.stdin.destroy();
  return status;
}

async function carryOut(jobs: AsyncIterable<Job> | Iterable<Job>, options: CliOptions): Promise<number> {
  const client = await connect(options);
  const complain = (sentence: string) => void process.stderr.write(`vtep: ${sentence}\n`);
  const { force } = options;
  const failures = await new Conversation(client, { show: options, force, write, complain }).carryOut(jobs);
  return failures > 0 ? 1 : 0;
}

async function connect({ socket, namespace, start }: CliOptions): Promise<Client> {
  const path = socket ?? process.env.VTEP_SOCKET ?? socketPath(namespace);
  try {
    return await Client.connect(path);
  } catch (error) {
    if (!(error instanceof NoDaemon) || !start) throw error;
  }
  const { startDaemon } = await import('./start-daemon.ts');
  return startDaemon(path);
}

/** Waits while whoever reads is slower than we are. */
function write(text: string): Promise<void> | void {
  if (text === '' || process.stdout.write(text)) return;
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

async function* jobsOf(file: string, options: CliOptions): AsyncGenerator<Job> {
  const stream = file === '-' ? process.stdin : createReadStream(file);
  stream.setEncoding('utf8');
  const name = file === '-' ? 'line ' : `${file}:`;
  try {
    for await (const line of batchLines(stream)) {
      const where = `${name}${(line as { number: number }).number}: `;
      yield { where, plan: line instanceof Error ? line.message : await planOfLine(line.words, options) };
    }
  } catch (error) {
    yield { where: '', plan: `${file} cannot be read: ${(error as Error).message}` };
  }
}

async function planOfLine(words: readonly string[], options: CliOptions): Promise<Plan | string> {
  const [object, ...rest] = words;
  const found = await loadObject(object);
  if (!found) return `"${object}" is not known; a batch takes link, fdb, neigh and vni`;
  if (found.name === 'monitor') return 'monitor never ends: a batch has no place for it';
  try {
    return planOf(findVerb(found.name, found.verbs, rest), options);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}
