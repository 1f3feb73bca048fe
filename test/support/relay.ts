/** A TCP relay in front of a server: the network between two processes, which a test cuts, freezes and mends. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Relay {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #frozen = false;
  port = 0;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  static async to(url: string): Promise<Relay> {
    const { hostname, port } = new URL(url);
    const relay = new Relay({ host: hostname, port: Number(port) });
    await relay.mend();
    return relay;
  }

  /** As the client sees it. */
  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Listens, on the port it had before. */
  async mend(): Promise<void> {
    this.#frozen = false;
    if (this.#server !== undefined) return;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  /** Connections break and new ones are refused: the process at the other end died. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) =>
      server === undefined ? resolve() : void server.close(() => resolve()),
    );
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Connections stay and nothing passes: the machine at the other end vanished. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  #accept(socket: Socket): void {
    this.#keep(socket);
    if (this.#frozen) {
      socket.pause();
      return;
    }
    const onward = connect(this.#target.port, this.#target.host);
    this.#keep(onward);
    socket.pipe(onward);
    onward.pipe(socket);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
