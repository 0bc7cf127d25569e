/** What is shown can fail to be written: whoever reads it had enough, which is no failure, or a disk is full. */

export function mindWhatIsWritten(): void {
  process.stdout.on('error', endUnwritten);
  process.stderr.on('error', nothing); // there is nobody left to tell
}

/** For what carries traffic: that is more than what is said of it. */
export function carryOnUnheard(): void {
  process.stdout.removeAllListeners('error').on('error', nothing);
}

function endUnwritten({ code }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE') process.exit(0);
  process.stderr.write(`vtep: what is shown could not be written (${code})\n`);
  process.exit(1);
}

function nothing(): void {}
