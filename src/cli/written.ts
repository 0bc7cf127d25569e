/** What is shown can fail to be written: whoever reads it had enough, which is no failure, or a disk is full. */

export function mindWhatIsWritten(): void {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0);
    process.stderr.write(`vtep: what is shown could not be written (${code})\n`);
    process.exit(1);
  });
}
