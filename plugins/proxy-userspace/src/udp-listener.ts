import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Env, TimerHandle } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { BackendPicker } from './backend-picker.ts';

interface Session {
  readonly upstream: Socket;
  readonly backend: Backend;
  lastUsedMs: number;
}

/** Clients of one listener at once; packets of more are dropped. */
const sessionLimit = 4096;
/** As conntrack's default for UDP streams. */
const idleMs = 120_000;

/** Forwards datagrams of one service address; each client has a socket of its own towards its backend. */
export class UdpListener {
  readonly #env: Env;
  readonly #picker: BackendPicker;
  readonly #socket: Socket;
  readonly #sessions = new Map<string, Session>();
  #sweep: TimerHandle | undefined;

  constructor(env: Env, picker: BackendPicker) {
    this.#env = env;
    this.#picker = picker;
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (message, client) => this.#forward(message, client));
  }

  listen(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ address, port, exclusive: true }, () => {
        this.#socket.off('error', reject);
        this.#socket.on('error', () => undefined);
        this.#sweep = this.#env.timers.every(idleMs / 4, () => this.#dropIdle());
        resolve();
      });
    });
  }

  /** Forgets all clients: their backends may have changed. */
  reset(): void {
    for (const session of this.#sessions.values()) session.upstream.close();
    this.#sessions.clear();
  }

  destroy(): void {
    this.#sweep?.cancel();
    this.reset();
    try {
      this.#socket.close();
    } catch {
      // It never came to listen.
    }
  }

  #forward(message: Buffer, client: RemoteInfo): void {
    const key = `${client.address}:${client.port}`;
    const session = this.#sessions.get(key) ?? this.#open(key, client);
    if (session === undefined) return;
    session.lastUsedMs = this.#env.clock.monotonic();
    session.upstream.send(message, session.backend.port, session.backend.address, () => undefined);
  }

  #open(key: string, client: RemoteInfo): Session | undefined {
    const backend = this.#picker.order(client.address)[0];
    if (backend === undefined || this.#sessions.size >= sessionLimit) return undefined;
    const session: Session = { upstream: createSocket('udp4'), backend, lastUsedMs: 0 };
    session.upstream.on('error', () => {
      if (this.#sessions.get(key) === session) this.#sessions.delete(key);
      session.upstream.close();
    });
    session.upstream.on('message', (answer, from) => {
      if (from.address !== backend.address || from.port !== backend.port) return;
      session.lastUsedMs = this.#env.clock.monotonic();
      this.#socket.send(answer, client.port, client.address, () => undefined);
    });
    this.#sessions.set(key, session);
    return session;
  }

  #dropIdle(): void {
    const now = this.#env.clock.monotonic();
    for (const [key, session] of this.#sessions) {
      if (now - session.lastUsedMs < idleMs) continue;
      this.#sessions.delete(key);
      session.upstream.close();
    }
  }
}
