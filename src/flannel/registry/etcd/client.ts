/** Requests to etcd's JSON gateway. Of several endpoints one is used until it fails, then the next. */
import type { ClientRequest } from 'node:http';
import { RegistryError } from '../registry.ts';
import { endpointOf } from './endpoint.ts';
import { type Fields, Garbled, parsed } from './fields.ts';
import { Http, type Posting, type Tls } from './http.ts';
import { type Login, Tokens } from './login.ts';
import { failureOf, Unreached, whyNotEtcd, whyNotReached } from './sentences.ts';

export interface ClientOptions {
  /** `http://10.0.0.1:2379` */
  readonly endpoints: readonly string[];
  readonly tls?: Tls;
  readonly login?: Login;
  /** Milliseconds for each request. */
  readonly limit?: number;
}

export interface Question<T> {
  /** `kv/range` */
  readonly path: string;
  readonly body: object;
  /** `again`: it was sent before, and nobody knows whether it was carried out then. */
  read(answer: Fields, again: boolean): T;
  /** Bytes of its answer. */
  readonly largest?: number;
}

const LIMIT = 5000;
const LARGEST = 1 << 20;

export class EtcdClient {
  readonly name: string;
  readonly limit: number;
  private readonly urls: readonly URL[];
  private readonly tokens: Tokens | undefined;
  private readonly http: Http;
  /** Those who have never answered. */
  private readonly strangers: Set<URL>;
  private current = 0;
  private isClosed = false;

  constructor({ endpoints, tls = {}, login, limit = LIMIT }: ClientOptions) {
    this.urls = endpoints.map(endpointOf);
    this.strangers = new Set(this.urls);
    if (this.urls.length === 0)
      throw new RegistryError('no etcd was named: http://10.0.0.1:2379 for example');
    this.name = `etcd at ${this.urls.map(({ origin }) => origin).join(', ')}`;
    this.limit = limit;
    this.http = new Http(tls);
    if (login) this.tokens = new Tokens(login, (url, question) => this.post(url, question));
  }

  /** Of the endpoint that is used now, or the next ones. */
  async ask<T>(question: Question<T>): Promise<T> {
    const failures: Unreached[] = [];
    let again = false;
    let tries = this.urls.length;
    while (tries-- > 0) {
      const url = this.endpoint();
      try {
        return await this.askAt(url, question, again);
      } catch (error) {
        if (!(error instanceof Unreached) || error.code === 'EMSGSIZE') throw error;
        this.leave(url);
        failures.push(error);
        again ||= error.code !== 'ECONNREFUSED';
        // etcd may have closed at that moment a connection that was kept
        if (error.code === 'ECONNRESET' && failures.length === 1) tries++;
      }
    }
    const sentences = new Set(failures.map(({ message }) => message));
    throw new Unreached([...sentences].join('; '), failures[0].code);
  }

  /** Of this endpoint and no other. */
  async askAt<T>(url: URL, question: Question<T>, again = false): Promise<T> {
    const token = this.tokens?.token(url);
    try {
      return await this.post(url, question, again, await token);
    } catch (error) {
      if (!token || !this.tokens?.isRefused(token, error)) throw error;
      return this.post(url, question, again, await this.tokens.token(url));
    }
  }

  /** An answer that goes on; it ends with an error when the client is closed. */
  async stream(url: URL, path: string, body: object): Promise<ClientRequest> {
    const token = await this.tokens?.token(url);
    if (this.isClosed) throw this.closed(url);
    return this.http.stream(postingOf(url, path, body, token));
  }

  /** The one that is used now. */
  endpoint(): URL {
    return this.urls[this.current];
  }

  /** It has failed. */
  leave(url: URL): void {
    this.http.forgetIdle();
    if (url === this.endpoint()) this.current = (this.current + 1) % this.urls.length;
  }

  /** The token of a stream was refused, if that is what `error` says: the next request fetches one anew. */
  noteRefusal(error: unknown): void {
    this.tokens?.isRefused(undefined, error);
  }

  close(): void {
    this.isClosed = true;
    this.http.close();
  }

  private async post<T>(url: URL, question: Question<T>, again = false, token?: string): Promise<T> {
    if (this.isClosed) throw this.closed(url);
    const { path, body, read, largest = LARGEST } = question;
    try {
      const posting = postingOf(url, path, body, token);
      const { status, text } = await this.http.post(posting, this.limit, largest);
      this.strangers.delete(url);
      if (!text.startsWith('{')) throw new Garbled(whyNotEtcd(status, text));
      const answer = parsed(text);
      if (status !== 200) throw failureOf(url, status, answer);
      return read(answer, again);
    } catch (error) {
      if (this.isClosed) throw this.closed(url);
      throw error instanceof RegistryError ? error : whyNotReached(url, error, this.strangers.has(url));
    }
  }

  private closed(url: URL): RegistryError {
    return new RegistryError(`etcd at ${url.origin}: we have closed it`);
  }
}

function postingOf(url: URL, path: string, body: object, token: string | undefined): Posting {
  return {
    url: new URL(`/v3/${path}`, url),
    body: JSON.stringify(body),
    // a member without a leader says so at once, in the middle of a stream too
    headers: { 'grpc-metadata-hasleader': 'true', ...(token && { authorization: token }) },
  };
}
