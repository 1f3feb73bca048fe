/** Accepts connections of members and turns everyone else away. */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { errorCode, errorMessage } from '@timonel/sdk';
import { formatAddress } from './address.ts';
import { peerProblem, type SecureOptions } from './credentials.ts';
import type { TransportLimits } from './limits.ts';
import type { TroubleLog } from './trouble-log.ts';

export interface ListenerOptions {
  readonly listen: { readonly address: string; readonly port: number };
  readonly secure: SecureOptions;
  readonly limits: TransportLimits;
  readonly trouble: TroubleLog;
  /** The certificate is one of a member. */
  readonly onMember: (socket: TLSSocket) => void;
}

interface Stranger {
  readonly address: string;
  told: boolean;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  // Connections whose TLS handshake is not done, oldest first.
  readonly #strangers = new Map<Socket, Stranger>();
  /** Addresses of those that left without a reason; the reason may come right after. */
  #unexplained: string[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({
      ...options.secure,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: options.limits.handshakeMs,
      noDelay: true,
    });
    this.#server.on('connection', (socket: Socket) => this.#onConnection(socket));
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#onTlsError(error, socket));
  }

  /** Resolves with `HOST:PORT`. @throws Error with a sentence when it cannot listen there */
  async start(): Promise<string> {
    const { address, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, formatAddress({ host: address, port }))));
      this.#server.listen(port, address, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => {
      this.#options.trouble.warn('listener', { reason: error.message }, 'the listener for other members has trouble');
    });
    const bound = this.#server.address();
    if (typeof bound !== 'object' || bound === null) throw new Error('the listener has no address');
    return formatAddress({ host: bound.address, port: bound.port });
  }

  /** New connections see the new certificate. */
  secure(options: SecureOptions): void {
    this.#server.setSecureContext(options);
  }

  /** Connections that were handed out are not its own any more. */
  async close(): Promise<void> {
    for (const socket of this.#strangers.keys()) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #onConnection(socket: Socket): void {
    const stranger: Stranger = { address: socket.remoteAddress ?? 'unknown', told: false };
    this.#strangers.set(socket, stranger);
    socket.once('close', () => {
      if (!this.#strangers.delete(socket) || stranger.told) return;
      this.#unexplained.push(stranger.address);
      if (this.#unexplained.length > this.#options.limits.strangers) this.#unexplained.shift();
    });
    if (this.#strangers.size <= this.#options.limits.strangers) return;
    const [oldest] = this.#strangers.keys();
    oldest?.destroy();
  }

  #onSecure(socket: TLSSocket): void {
    this.#forgetStranger(socket);
    const problem = socket.authorized
      ? peerProblem(socket.getPeerCertificate(), undefined)
      : `its certificate was refused (${String(socket.authorizationError)})`;
    if (problem === undefined) {
      this.#options.onMember(socket);
      return;
    }
    this.#refuse(socket.remoteAddress ?? 'unknown', problem);
    socket.on('error', () => undefined);
    socket.destroy();
  }

  #onTlsError(error: Error, socket: TLSSocket): void {
    // A certificate that does not verify is told without the address: its connection was closed just before.
    const known = socket.remoteAddress;
    if (known !== undefined) this.#forgetStranger(socket);
    const address = known ?? this.#unexplained.shift() ?? 'unknown';
    // Typed as an Error, but a code.
    const verify: unknown = socket.authorizationError;
    const reason =
      typeof verify === 'string'
        ? `its certificate was refused (${verify})`
        : `the TLS handshake failed (${errorCode(error) ?? errorMessage(error)})`;
    this.#refuse(address, reason);
    // Node leaves a socket open whose handshake took too long.
    socket.destroy();
  }

  /** The encrypted socket and the plain one beneath have the same remote end. */
  #forgetStranger({ remoteAddress, remotePort }: TLSSocket): void {
    for (const [socket, stranger] of this.#strangers) {
      if (socket.remoteAddress !== remoteAddress || socket.remotePort !== remotePort) continue;
      stranger.told = true;
      this.#strangers.delete(socket);
      return;
    }
  }

  #refuse(address: string, reason: string): void {
    this.#options.trouble.warn(
      `refused ${address}`,
      { address, reason },
      'refused a connection: it is no member of the store',
    );
  }
}

function listenError(error: Error, address: string): Error {
  const code = errorCode(error);
  if (code === 'EADDRINUSE') {
    return new Error(`cannot listen for other members on ${address}: something else does; choose another port`, {
      cause: error,
    });
  }
  if (code === 'EADDRNOTAVAIL') {
    return new Error(`cannot listen for other members on ${address}: this host has no such address`, { cause: error });
  }
  return new Error(`cannot listen for other members on ${address}: ${error.message}`, { cause: error });
}
