/** One request over HTTP or HTTPS, with limits for everything that an other side could draw out. */
import { Agent, type ClientRequest, type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps, Agent as SecureAgent } from 'node:https';

/** PEM texts. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Posting {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Posted {
  readonly status: number;
  readonly text: string;
}

/** Named as errors of the system are. */
export class Broken extends Error {
  readonly code: 'ETIMEDOUT' | 'EMSGSIZE';

  constructor(code: 'ETIMEDOUT' | 'EMSGSIZE', message: string) {
    super(message);
    this.code = code;
  }
}

/** At once to one host; more wait for their turn. */
const SOCKETS = 16;
/** Shorter than what stands between forgets a silent connection after. */
const IDLE = 30_000;

export class Http {
  private readonly open = new Set<ClientRequest>();
  private readonly agents: { readonly http: Agent; readonly https: SecureAgent };
  /** Streams hold their connection, so they are not among those that are counted. */
  private readonly streams: { readonly http: Agent; readonly https: SecureAgent };

  constructor(tls: Tls) {
    const options = { keepAlive: true, maxSockets: SOCKETS, timeout: IDLE };
    this.agents = { http: new Agent(options), https: new SecureAgent({ ...options, ...tls }) };
    this.streams = { http: new Agent(), https: new SecureAgent(tls) };
  }

  /** `limit`: milliseconds for all of it; `largest`: bytes of the answer. */
  post(posting: Posting, limit: number, largest: number): Promise<Posted> {
    return new Promise((resolve, reject) => {
      const sent = this.send(posting, this.agents);
      let timer: NodeJS.Timeout | undefined;
      const end = (error: Error) => {
        clearTimeout(timer);
        sent.destroy();
        reject(error);
      };
      // one that waits for its turn has not begun
      sent.once('socket', () => {
        timer = setTimeout(() => end(new Broken('ETIMEDOUT', `no answer within ${limit / 1000} s`)), limit);
      });
      sent.on('error', end);
      sent.once('response', (answer) => {
        collect(answer, largest).then((text) => {
          clearTimeout(timer);
          resolve({ status: answer.statusCode ?? 0, text });
        }, end);
      });
    });
  }

  /** An answer that goes on. Who has it destroys the request in the end. */
  stream(posting: Posting): ClientRequest {
    return this.send(posting, this.streams);
  }

  /** What one of the kept connections went through, the others may have, too. */
  forgetIdle(): void {
    for (const { freeSockets } of [this.agents.http, this.agents.https]) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }

  close(): void {
    for (const sent of this.open) sent.destroy(new Error('closed'));
    for (const agent of [this.agents.http, this.agents.https]) agent.destroy();
  }

  private send({ url, body, headers }: Posting, agents: { http: Agent; https: SecureAgent }): ClientRequest {
    const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', headers: { ...headers, ...length } };
    const sent =
      url.protocol === 'https:'
        ? overHttps(url, { ...options, agent: agents.https })
        : overHttp(url, { ...options, agent: agents.http });
    this.open.add(sent);
    sent.once('close', () => this.open.delete(sent));
    // the first matters to who asked; one more may come of a connection that was given up
    sent.on('error', () => {});
    sent.end(body);
    return sent;
  }
}

/** The whole of an answer. */
export async function collect(answer: IncomingMessage, largest: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largest) throw new Broken('EMSGSIZE', `it answers with more than ${largest} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
