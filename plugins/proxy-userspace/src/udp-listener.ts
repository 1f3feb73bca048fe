import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Env, TimerHandle } from '@timonel/sdk';
import { familyOf, formatIp, parseIp } from '@timonel/sdk/contracts/network';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import { keyOf } from './client-memory.ts';
import type { Picker } from './client-picker.ts';
import { SharedSockets, type Share, type Shareable } from './shared-socket.ts';

interface Session {
  readonly upstream: Socket;
  readonly backend: Backend;
  lastUsedMs: number;
}

/** Clients of one listener at once; packets of more are dropped. */
const sessionLimit = 4096;
/** As conntrack's default for UDP streams. */
const idleMs = 120_000;

class SharedUdpSocket implements Shareable {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #port: number;

  constructor(address: string, port: number, receive: (message: Buffer, client: RemoteInfo) => void) {
    this.#address = address;
    this.#port = port;
    this.#socket = socketOf(address);
    this.#socket.on('message', receive);
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ address: this.#address, port: this.#port, exclusive: true }, () => {
        this.#socket.off('error', reject);
        this.#socket.on('error', () => undefined);
        resolve();
      });
    });
  }

  send(message: Buffer, client: RemoteInfo): void {
    this.#socket.send(message, client.port, client.address, () => undefined);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Of the address's family alone. */
function socketOf(address: string): Socket {
  return familyOf(address) === 4 ? createSocket('udp4') : createSocket({ type: 'udp6', ipv6Only: true });
}

function asSystem(address: string): string {
  const parsed = parseIp(address);
  return parsed === undefined ? address : formatIp(parsed);
}

const sockets = new SharedSockets<SharedUdpSocket, UdpListener>();

/** Forwards datagrams of one service address; each client has a socket of its own towards its backend. */
export class UdpListener {
  readonly #env: Env;
  readonly #picker: Picker;
  readonly #sessions = new Map<string, Session>();
  #share: Share<SharedUdpSocket> | undefined;
  #sweep: TimerHandle | undefined;

  constructor(env: Env, picker: Picker) {
    this.#env = env;
    this.#picker = picker;
  }

  /** @throws the system's error, for example EADDRINUSE */
  async listen(address: string, port: number): Promise<void> {
    this.#share = await sockets.share(`${address}:${port}`, this, (current) => {
      return new SharedUdpSocket(address, port, (message, client) => {
        const listener = current();
        if (listener !== undefined) listener.#forward(message, client);
      });
    });
    this.#sweep = this.#env.timers.every(idleMs / 4, () => this.#dropIdle());
  }

  /** Forgets the clients whose backend is gone: the next packet of each opens anew. */
  retain(backends: readonly Backend[]): void {
    const present = new Set(backends.map(keyOf));
    this.#drop((session) => !present.has(keyOf(session.backend)));
  }

  destroy(): void {
    this.#sweep?.cancel();
    this.#drop(() => true);
    this.#share?.release();
    this.#share = undefined;
  }

  #forward(message: Buffer, client: RemoteInfo): void {
    const key = `${client.address}:${client.port}`;
    const session = this.#sessions.get(key) ?? this.#open(key, client);
    if (session === undefined) return;
    session.lastUsedMs = this.#env.clock.monotonic();
    session.upstream.send(message, session.backend.port, session.backend.address, () => undefined);
  }

  #open(key: string, client: RemoteInfo): Session | undefined {
    const backend = this.#picker.attempts(client.address).next();
    if (backend === undefined || this.#sessions.size >= sessionLimit) return undefined;
    this.#picker.accepted(client.address, backend);
    const answering = asSystem(backend.address);
    const session: Session = { upstream: socketOf(backend.address), backend, lastUsedMs: 0 };
    session.upstream.on('error', () => this.#drop((candidate) => candidate === session));
    session.upstream.on('message', (answer, from) => {
      if (from.address !== answering || from.port !== backend.port) return;
      session.lastUsedMs = this.#env.clock.monotonic();
      this.#share?.socket.send(answer, client);
    });
    this.#sessions.set(key, session);
    return session;
  }

  #dropIdle(): void {
    const now = this.#env.clock.monotonic();
    this.#drop((session) => now - session.lastUsedMs >= idleMs);
  }

  #drop(goes: (session: Session) => boolean): void {
    for (const [key, session] of this.#sessions) {
      if (!goes(session)) continue;
      this.#sessions.delete(key);
      session.upstream.close();
    }
  }
}
