/** Why a verb was not carried out: an errno's name for programs, and a sentence, which ends with it, for people. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, sentence: string) {
    super(`${sentence} (${code})`);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** What a daemon answered instead, with the errno's name at its end. */
export function sentenceOf({ code, message }: { code: string; message: string }): string {
  return message.includes(code) ? message : `${message} (${code})`;
}
