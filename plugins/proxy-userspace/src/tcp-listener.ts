import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Env } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { Picker } from './client-picker.ts';
import { SharedSockets, type Share, type Shareable } from './shared-socket.ts';

/** Connections of one listener at once; more are reset at once. */
const connectionLimit = 4096;
/** A backend that does not answer for that long is passed over. */
const dialTimeoutMs = 3000;

class SharedServer implements Shareable {
  readonly #server: Server;
  readonly #address: string;
  readonly #port: number;

  constructor(address: string, port: number, accept: (client: Socket) => void) {
    this.#address = address;
    this.#port = port;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, pauseOnConnect: true }, accept);
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // Of two listeners at all addresses each has its own family.
      this.#server.listen({ host: this.#address, port: this.#port, backlog: 511, ipv6Only: true }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
  }

  close(): void {
    this.#server.close();
  }
}

const servers = new SharedSockets<SharedServer, TcpListener>();

/** Accepts connections for one service address and pipes each to a backend; a backend that refuses is passed over. */
export class TcpListener {
  readonly #env: Env;
  readonly #picker: Picker;
  readonly #sockets = new Set<Socket>();
  #share: Share<SharedServer> | undefined;
  #clients = 0;
  #idle: (() => void)[] = [];

  constructor(env: Env, picker: Picker) {
    this.#env = env;
    this.#picker = picker;
  }

  /** Connections that are open or being made. */
  get clients(): number {
    return this.#clients;
  }

  /** Resolves when no connection is open. */
  whenIdle(): Promise<void> {
    if (this.#clients === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** @throws the system's error, for example EADDRINUSE */
  async listen(address: string, port: number): Promise<void> {
    this.#share = await servers.share(`${address}:${port}`, this, (current) => {
      return new SharedServer(address, port, (client) => {
        const listener = current();
        if (listener === undefined) client.destroy();
        else listener.#accept(client);
      });
    });
  }

  /** Takes no new connections; the running ones go on. */
  close(): void {
    this.#share?.release();
    this.#share = undefined;
  }

  /** Ends the running connections too. */
  destroy(): void {
    this.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #accept(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.#clients >= connectionLimit) {
      client.resetAndDestroy();
      return;
    }
    this.#clients += 1;
    client.once('close', () => {
      this.#clients -= 1;
      if (this.#clients === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
    this.#track(client);
    this.#dial(client, this.#picker.order(client.remoteAddress ?? ''));
  }

  /** Tries the backends one after the other; the client is not read from until one has accepted. */
  #dial(client: Socket, backends: readonly Backend[]): void {
    const [backend, ...others] = backends;
    if (client.destroyed) return;
    if (backend === undefined) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: backend.address, port: backend.port, allowHalfOpen: true, noDelay: true });
    this.#track(upstream);
    const timer = this.#env.timers.after(dialTimeoutMs, () => upstream.destroy(new Error('no answer')));
    const leave = (): void => void upstream.destroy();
    const settle = (): void => {
      timer.cancel();
      client.off('close', leave);
    };
    client.once('close', leave);
    // 'close' comes in every case: refused, timed out, or given up because the client or the listener went.
    upstream.once('error', () => undefined);
    const failed = (): void => {
      settle();
      this.#dial(client, others);
    };
    upstream.once('close', failed);
    upstream.once('connect', () => {
      settle();
      upstream.off('close', failed);
      this.#picker.accepted(client.remoteAddress ?? '', backend);
      join(client, upstream);
    });
  }
}

/** Joins two sockets: each end of input is passed on by itself, and what breaks one breaks the other. */
function join(client: Socket, upstream: Socket): void {
  passOn(client, upstream);
  passOn(upstream, client);
}

/** As `from.pipe(to)`, with a third of its handlers. */
function passOn(from: Socket, to: Socket): void {
  let broken = false;
  from.on('error', () => {
    broken = true;
  });
  from.on('data', (chunk) => {
    if (!to.destroyed && !to.write(chunk)) from.pause();
  });
  from.on('end', () => to.end());
  from.on('close', () => {
    if (to.destroyed) return;
    if (broken || !from.readableEnded) to.resetAndDestroy();
  });
  to.on('drain', () => from.resume());
  from.resume();
}
