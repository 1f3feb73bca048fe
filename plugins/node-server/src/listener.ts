/** The HTTPS socket of the node. */
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode, errorMessage } from '@timonel/sdk';
import { losesAuthority } from '@timonel/sdk/pki';
import type { Credentials } from '@timonel/sdk/tls';

const requestTimeoutMs = 30_000;
const headersTimeoutMs = 10_000;

function tlsOf({ ca, cert, key }: Credentials): ServerOptions {
  return { ca, minVersion: 'TLSv1.2', ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function whyOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return 'another process uses this port: stop it, or choose another port (listen.port)';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have the address: correct listen.address';
    case 'EACCES':
      return 'not permitted: choose a port from 1024 on, or run as root';
    default:
      return errorMessage(error);
  }
}

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #ca: string;

  constructor(
    credentials: Credentials,
    connections: number,
    handler: RequestListener,
    onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
  ) {
    this.#ca = credentials.ca;
    // Who shows no certificate may show a token: whoever shows neither is told so.
    const options = { ...tlsOf(credentials), requestCert: true, rejectUnauthorized: false };
    this.#server = createServer({ ...options, ALPNProtocols: ['http/1.1'] }, handler);
    this.#server.requestTimeout = requestTimeoutMs;
    this.#server.headersTimeout = headersTimeoutMs;
    this.#server.maxConnections = connections;
    this.#server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('upgrade', onUpgrade);
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** The port. @throws Error that says what to do */
  async listen(address: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(new Error(`cannot listen on ${address}:${port}: ${whyOf(cause)}`, { cause }));
      });
      this.#server.listen(port, address, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', () => undefined);
    return (this.#server.address() as AddressInfo).port;
  }

  /** For new connections. Those that are open end when an authority is believed no more: certificates are checked when clients connect. */
  use(credentials: Credentials): void {
    this.#server.setSecureContext(tlsOf(credentials));
    const isLess = losesAuthority(this.#ca, credentials.ca);
    this.#ca = credentials.ca;
    if (isLess) for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
