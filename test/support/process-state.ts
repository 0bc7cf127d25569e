/** What the kernel says of a process's threads: R runs or waits for a core, S sleeps, ... */
import { readdirSync, readFileSync } from 'node:fs';

export function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ')[1][0],
  );
}
