/** Why a verb was not carried out: an errno's name for programs, and a sentence, which ends with it, for people. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, sentence: string) {
    // nobody is shown where it was thrown, and to write that down takes longer than a verb
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`${sentence} (${code})`);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Refusal';
    this.code = code;
  }
}

/** What a daemon answered instead, with the errno's name at its end. */
export function sentenceOf({ code, message }: { code: string; message: string }): string {
  return message.includes(code) ? message : `${message} (${code})`;
}
