/** Verbs that the daemon carries out: one of the command line, or a batch of them. */

import { createReadStream } from 'node:fs';
import { Client, NoDaemon } from '../control/client.ts';
import { socketPath } from '../control/socket-path.ts';
import { type BatchLine, BatchLines } from './batch-lines.ts';
import { Conversation, type Job, type Jobs } from './converse.ts';
import { UsageError } from './grammar.ts';
import { findVerb, loadObject, OBJECTS, planOf, type Spoken, spelled } from './objects.ts';
import type { CliOptions } from './options.ts';
import type { Plan } from './plan.ts';

export async function carryOutVerb(plan: Plan, options: CliOptions): Promise<number> {
  return carryOut([[{ where: '', plan }]], { ...options, force: false });
}

export async function carryOutBatch(file: string, options: CliOptions): Promise<number> {
  const status = await carryOut(jobsOf(file, options), options);
  // after a failure there may be lines to come, which nobody waits for
  if (file === '-') process.stdin.destroy();
  return status;
}

async function carryOut(jobs: Jobs, options: CliOptions): Promise<number> {
  const client = await connect(options);
  const complain = (sentence: string) => void process.stderr.write(`vtep: ${sentence}\n`);
  const { force } = options;
  const failures = await new Conversation(client, { show: options, force, write, complain }).carryOut(jobs);
  return failures > 0 ? 1 : 0;
}

async function connect({ socket, namespace, start }: CliOptions): Promise<Client> {
  const path = socket ?? socketPath(namespace);
  try {
    return await Client.connect(path);
  } catch (error) {
    if (!(error instanceof NoDaemon) || !start) throw error;
  }
  const { startDaemon } = await import('./start-daemon.ts');
  return startDaemon(path, namespace === undefined ? {} : { within: ['ip', 'netns', 'exec', namespace] });
}

/** Waits while whoever reads is slower than we are. */
function write(text: string): Promise<void> | void {
  if (text === '' || process.stdout.write(text)) return;
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

async function* jobsOf(file: string, options: CliOptions): AsyncGenerator<Iterable<Job>> {
  const planner = await Planner.load(options);
  const stream = file === '-' ? process.stdin : createReadStream(file);
  stream.setEncoding('utf8');
  const name = file === '-' ? 'line ' : `${file}:`;
  const lines = new BatchLines();
  function* jobs(some: Iterable<BatchLine>): Generator<Job> {
    for (const { number, words } of some) {
      yield { where: `${name}${number}: `, plan: typeof words === 'string' ? words : planner.plan(words) };
    }
  }
  try {
    for await (const chunk of stream) yield jobs(lines.add(chunk as string));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    yield [{ where: '', plan: `${file} cannot be read (${code ?? message})` }];
  }
  yield jobs(lines.end());
}

/** What the words of a line come to; how they are spelled is looked up once. */
class Planner {
  private readonly objects: Map<string, Spoken>;
  private readonly known = new Map<string, Spoken | undefined>();
  private readonly options: CliOptions;

  private constructor(objects: Map<string, Spoken>, options: CliOptions) {
    this.objects = objects;
    this.options = options;
  }

  static async load(options: CliOptions): Promise<Planner> {
    const names = Object.keys(OBJECTS).filter((name) => name !== 'monitor'); // it never ends
    const objects = await Promise.all(names.map(loadObject));
    return new Planner(new Map(names.map((name, at) => [name, objects[at] as Spoken])), options);
  }

  plan(words: readonly string[]): Plan | string {
    const given = words[0];
    if (!this.known.has(given))
      this.known.set(given, this.objects.get(spelled([...this.objects.keys()], given) ?? ''));
    const object = this.known.get(given);
    if (!object) return `"${given}" is not known; a batch takes link, fdb, neigh and vni`;
    try {
      return planOf(findVerb(object.name, object.verbs, words.slice(1)), this.options);
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
  }
}
