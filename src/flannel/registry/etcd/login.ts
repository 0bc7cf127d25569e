/** A name and a password: a token of etcd's, fetched when one is needed first, and anew after it was refused. */
import type { Question } from './client.ts';
import { type Fields, textOf } from './fields.ts';
import { Refused } from './sentences.ts';

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** etcd's tokens end when it starts anew, after a while, and when its users change. */
const REFUSALS = ['invalid auth token', 'revision of auth store is old'];
/** Said to who has none, by an etcd that has got users meanwhile. */
const MISSING = ['user name is empty', 'permission denied'];

export class Tokens {
  private readonly login: Login;
  private readonly post: <T>(url: URL, question: Question<T>) => Promise<T>;
  private isNeeded = true;
  private fetched: Promise<string | undefined> | undefined;

  constructor(login: Login, post: <T>(url: URL, question: Question<T>) => Promise<T>) {
    this.login = login;
    this.post = post;
  }

  /** Undefined: this etcd asks for none. */
  token(url: URL): Promise<string | undefined> {
    this.fetched ??= this.fetch(url);
    return this.fetched;
  }

  /** Whether `error` says that this token, or whichever was used last, is worth nothing. It is forgotten then. */
  isRefused(token: Promise<string | undefined> | undefined, error: unknown): boolean {
    const refusals = this.isNeeded ? REFUSALS : MISSING;
    if (!(error instanceof Refused) || !refusals.some((words) => error.said.includes(words))) return false;
    if (token === undefined || token === this.fetched) this.fetched = undefined;
    return true;
  }

  private async fetch(url: URL): Promise<string | undefined> {
    try {
      const read = (answer: Fields) => textOf(answer.token);
      const token = await this.post(url, { path: 'auth/authenticate', body: this.login, read });
      this.isNeeded = true;
      return token;
    } catch (error) {
      if (error instanceof Refused && error.said.includes('authentication is not enabled')) {
        this.isNeeded = false;
        return undefined;
      }
      this.fetched = undefined;
      throw error;
    }
  }
}
