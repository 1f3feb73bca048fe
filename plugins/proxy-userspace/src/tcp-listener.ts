import { createServer, type Server, type Socket } from 'node:net';
import type { Env, TimerHandle } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { Picker } from './client-picker.ts';
import { Connection, type ConnectionHost } from './connection.ts';
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

/** Accepts connections for one service address and joins each with a backend; a backend that refuses is passed over. */
export class TcpListener implements ConnectionHost {
  readonly #env: Env;
  readonly #picker: Picker;
  readonly #connections = new Set<Connection>();
  /** Since when a backend is waited for, ms; the longest wait first. */
  readonly #dialling = new Map<Connection, number>();
  #patience: TimerHandle | undefined;
  #share: Share<SharedServer> | undefined;
  #idle: (() => void)[] = [];

  constructor(env: Env, picker: Picker) {
    this.#env = env;
    this.#picker = picker;
  }

  /** Connections that are open or being made. */
  get clients(): number {
    return this.#connections.size;
  }

  /** Resolves when no connection is open. */
  whenIdle(): Promise<void> {
    if (this.clients === 0) return Promise.resolve();
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
    this.#patience?.cancel();
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(client: Socket): void {
    if (this.#connections.size >= connectionLimit) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    // The system is asked for the address.
    const who = this.#picker.asksWho ? (client.remoteAddress ?? '') : '';
    const connection = new Connection(this, client, who, this.#picker.attempts(who));
    this.#connections.add(connection);
    connection.dial();
  }

  dialling(connection: Connection): void {
    this.#dialling.set(connection, this.#env.clock.monotonic());
    this.#patience ??= this.#env.timers.after(dialTimeoutMs, () => this.#passOver());
  }

  dialled(connection: Connection): void {
    this.#dialling.delete(connection);
  }

  accepted(client: string, backend: Backend): void {
    this.#picker.accepted(client, backend);
  }

  ended(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.clients === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** One timer for all: each of its own would cost more than the rest of a dial. */
  #passOver(): void {
    this.#patience = undefined;
    const now = this.#env.clock.monotonic();
    for (const [connection, sinceMs] of this.#dialling) {
      const leftMs = sinceMs + dialTimeoutMs - now;
      if (leftMs <= 0) {
        connection.giveUp();
        continue;
      }
      this.#patience = this.#env.timers.after(leftMs, () => this.#passOver());
      return;
    }
  }
}
