/**
 * Between a client and a server, on loopback. It can swallow what the server answers to certain requests, for ever, or
 * break the connection off instead of passing the answer on; a request is known by a part of its head.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly port: number;
  /** From now on nothing comes back on connections that such a request was made on, and they stay open. */
  swallowed: string | undefined;
  private readonly forgotten = new Set<Socket>();
  /** The answer to the next requests of that kind is a broken connection. */
  broken: { readonly head: string; times: number } | undefined;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
    server.on('connection', (client) => this.pass(client));
  }

  static async to(url: string): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(server, Number(new URL(url).port));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Nobody knows anything of the connections that are there, which shows at their next request. */
  forget(): void {
    for (const socket of this.sockets) this.forgotten.add(socket);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private pass(client: Socket): void {
    const server = connect(this.port, '127.0.0.1');
    let asked = '';
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (this.forgotten.has(client)) return client.destroy();
      asked = chunk.toString('latin1');
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (this.swallowed !== undefined && asked.includes(this.swallowed)) return;
      if (this.broken && this.broken.times > 0 && asked.includes(this.broken.head)) {
        this.broken.times--;
        client.destroy();
        return;
      }
      client.write(chunk);
    });
  }
}
