/** What is said on stderr: a line each, no more than was asked for. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type Log = (level: LogLevel, sentence: string) => void;

export function logTo(stream: { write(text: string): unknown }, most: LogLevel): Log {
  return (level, sentence) => {
    if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(most)) stream.write(`vtep: ${sentence}\n`);
  };
}
