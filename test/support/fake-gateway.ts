/** Something at an endpoint of etcd's that answers whatever a test wants. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createRawServer,
  type Server as RawServer,
  type Socket,
} from 'node:net';

export interface Asked {
  /** `kv/range` */
  path: string;
  body: Record<string, unknown>;
}

export class FakeGateway {
  readonly asked: Asked[] = [];
  private readonly server: Server | RawServer;
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server | RawServer) {
    this.server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static async start(answer: (asked: Asked, response: ServerResponse) => void): Promise<FakeGateway> {
    const server = createServer(async (request, response) => {
      const path = (request.url ?? '').replace('/v3/', '');
      const asked = { path, body: JSON.parse((await request.toArray()).join('')) };
      gateway.asked.push(asked);
      answer(asked, response);
    });
    const gateway = new FakeGateway(server);
    return gateway.listening();
  }

  /** Below HTTP. */
  static raw(answer: (socket: Socket) => void): Promise<FakeGateway> {
    return new FakeGateway(createRawServer(answer)).listening();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private async listening(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }
}

export const json = (response: ServerResponse, answer: object, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));

/** As etcd writes a key. */
export function kvOf(key: string, value: string, revision: number, created = revision) {
  const bytes = (text: string) => Buffer.from(text).toString('base64');
  const revisions = { create_revision: String(created), mod_revision: String(revision) };
  return { key: bytes(key), ...revisions, version: '1', ...(value && { value: bytes(value) }) };
}
