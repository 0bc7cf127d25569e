/** What is said on stderr: a line each, no more than was asked for. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = (level: LogLevel, sentence: string) => void;

/** `of.level` may change meanwhile. */
export function logTo(stream: { write(text: string): unknown }, of: { readonly level: LogLevel }): Log {
  return (level, sentence) => {
    if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(of.level)) stream.write(`vtep: ${sentence}\n`);
  };
}
