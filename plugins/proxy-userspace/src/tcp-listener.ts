import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { BackendPicker } from './backend-picker.ts';

/** Connections of one listener at once; more are closed at once. */
const connectionLimit = 4096;

/** Accepts connections for one service address and pipes each to a backend; a backend that refuses is passed over. */
export class TcpListener {
  readonly #server: Server;
  readonly #picker: BackendPicker;
  readonly #sockets = new Set<Socket>();

  constructor(picker: BackendPicker) {
    this.#picker = picker;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#server.maxConnections = connectionLimit;
  }

  /** @throws the system's error, for example EADDRINUSE */
  listen(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port, backlog: 511 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
  }

  /** Takes no new connections; the running ones go on. */
  close(): void {
    this.#server.close();
  }

  /** Ends the running connections too. */
  destroy(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #accept(client: Socket): void {
    this.#track(client);
    client.on('error', () => client.destroy());
    client.pause();
    this.#dial(client, this.#picker.order(client.remoteAddress ?? ''));
  }

  #dial(client: Socket, backends: readonly Backend[]): void {
    const [backend, ...others] = backends;
    if (client.destroyed) return;
    if (backend === undefined) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: backend.address, port: backend.port, allowHalfOpen: true, noDelay: true });
    this.#track(upstream);
    const dropUpstream = (): void => void upstream.destroy();
    client.once('close', dropUpstream);
    upstream.once('error', () => {
      client.off('close', dropUpstream);
      upstream.destroy();
      if (upstream.connecting || upstream.bytesRead + upstream.bytesWritten === 0) this.#dial(client, others);
      else client.resetAndDestroy();
    });
    upstream.once('connect', () => {
      upstream.on('close', (failed: boolean) => (failed ? client.resetAndDestroy() : undefined));
      client.pipe(upstream);
      upstream.pipe(client);
    });
  }
}
