/** A client's connection and the one to its backend, which become one. */
import { connect, type Socket } from 'node:net';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { Attempts } from './backend-picker.ts';

/** What a connection tells its listener. */
export interface ConnectionHost {
  /** A backend is tried: `giveUp` has to be called when it does not answer in time. */
  dialling(connection: Connection): void;
  /** It answered, or it is out of the question. */
  dialled(connection: Connection): void;
  accepted(client: string, backend: Backend): void;
  /** Both ends are closed. */
  ended(connection: Connection): void;
}

/** One of the two sockets. Its handlers find all by it: functions of their own for each socket would cost more than what they do. */
interface End extends Socket {
  connection: Connection;
  /** Undefined until both are connected. */
  peer: End | undefined;
  isBroken: boolean;
}

export class Connection {
  readonly #host: ConnectionHost;
  readonly #client: End;
  /** '': nobody asks who it is. */
  readonly #who: string;
  readonly #attempts: Attempts;
  #upstream: End | undefined;
  #backend: Backend | undefined;

  /** `client`: is not read from until a backend has accepted. */
  constructor(host: ConnectionHost, client: Socket, who: string, attempts: Attempts) {
    this.#host = host;
    this.#client = this.#endOf(client);
    this.#who = who;
    this.#attempts = attempts;
  }

  /** Tries the backends one after the other. Without any the client is reset. */
  dial(): void {
    this.#backend = this.#attempts.next();
    if (this.#backend === undefined) {
      this.#client.resetAndDestroy();
      return;
    }
    const { address: host, port } = this.#backend;
    this.#upstream = this.#endOf(connect({ host, port, allowHalfOpen: true, noDelay: true }));
    this.#upstream.on('connect', onConnect);
    this.#host.dialling(this);
  }

  /** The backend that is tried is passed over. */
  giveUp(): void {
    this.#upstream?.destroy();
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream?.destroy();
  }

  /** @internal */
  connected(): void {
    const [client, upstream, backend] = [this.#client, this.#upstream, this.#backend];
    if (client.destroyed || upstream === undefined || backend === undefined) return;
    this.#host.dialled(this);
    this.#host.accepted(this.#who, backend);
    client.peer = upstream;
    upstream.peer = client;
    passOn(client);
    passOn(upstream);
  }

  /** @internal */
  closed(end: End): void {
    const { peer } = end;
    const [client, upstream] = [this.#client, this.#upstream];
    if (peer !== undefined) {
      // What breaks one breaks the other.
      if (!peer.destroyed && (end.isBroken || !end.readableEnded)) peer.resetAndDestroy();
    } else if (end === client) {
      upstream?.destroy();
    } else {
      this.#host.dialled(this);
      this.#upstream = undefined;
      if (!client.destroyed) return this.dial();
    }
    if (client.closed && this.#upstream?.closed !== false) this.#host.ended(this);
  }

  #endOf(socket: Socket): End {
    const end = Object.assign(socket, { connection: this, peer: undefined, isBroken: false });
    end.on('error', onError);
    end.on('close', onClose);
    return end;
  }
}

function onConnect(this: Socket): void {
  (this as End).connection.connected();
}

function onError(this: Socket): void {
  (this as End).isBroken = true;
}

function onClose(this: Socket): void {
  (this as End).connection.closed(this as End);
}

/** As `from.pipe(to)`, with a third of its handlers; each end of input is passed on by itself. */
function passOn(from: End): void {
  from.on('data', onData);
  from.on('end', onEnd);
  from.on('drain', onDrain);
  from.resume();
}

function onData(this: Socket, chunk: Buffer): void {
  const { peer } = this as End;
  if (peer !== undefined && !peer.destroyed && !peer.write(chunk)) this.pause();
}

function onDrain(this: Socket): void {
  (this as End).peer?.resume();
}

function onEnd(this: Socket): void {
  const { peer } = this as End;
  // When it has ended, too, and has got all, closing says the same with one call less.
  if (peer?.readableEnded === true && peer.writableLength === 0) peer.destroy();
  else peer?.end();
}
