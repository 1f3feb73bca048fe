/** The HTTPS socket: opening with a clear refusal, and closing at once with all its connections. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import { errorCode, errorMessage } from '@timonel/sdk';
import { onUpgrade } from '../connect/upgrade.ts';
import type { ServingCertificate } from '../pki/certificates.ts';

const requestTimeoutMs = 60_000;
const headersTimeoutMs = 20_000;
/** Longer than usual idle time-outs of clients, so that they are the ones who close. */
const keepAliveTimeoutMs = 120_000;

export interface ListenOptions {
  readonly address: string;
  readonly port: number;
}

function listenProblem(error: unknown, { address, port }: ListenOptions): Error {
  const place = `${address}:${port}`;
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new Error(
        `cannot listen on ${place}: another process uses this port; stop that process, or choose another port (listen.port, 0 for any free one)`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
      return new Error(`cannot listen on ${place}: this machine does not have the address; correct listen.address`, {
        cause: error,
      });
    case 'EACCES':
      return new Error(`cannot listen on ${place}: not permitted; choose a port from 1024 on or run as root`, {
        cause: error,
      });
    default:
      return new Error(`cannot listen on ${place}: ${errorMessage(error)}`, { cause: error });
  }
}

function secureContext({ authorityPem, certificatePem, keyPem }: ServingCertificate): SecureContextOptions {
  return { key: keyPem, cert: certificatePem, ca: authorityPem, minVersion: 'TLSv1.2' };
}

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(certificate: ServingCertificate, handler: RequestListener, connections: number) {
    this.#server = createServer(
      {
        ...secureContext(certificate),
        ALPNProtocols: ['http/1.1'],
        // A client may show a certificate. One that does not verify counts as none: see authentication.ts.
        requestCert: true,
        rejectUnauthorized: false,
      },
      handler,
    );
    this.#server.requestTimeout = requestTimeoutMs;
    this.#server.headersTimeout = headersTimeoutMs;
    this.#server.keepAliveTimeout = keepAliveTimeoutMs;
    this.#server.maxConnections = connections;
    this.#server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('upgrade', onUpgrade(handler));
    // A client that speaks no TLS or breaks off is its own problem.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Open ones. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** New connections get this certificate; those that are open go on. */
  use(certificate: ServingCertificate): void {
    this.#server.setSecureContext(secureContext(certificate));
  }

  /** The port it listens on. @throws Error that names the address and what to do. */
  async listen(options: ListenOptions): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenProblem(error, options)));
      this.#server.listen(options.port, options.address, resolve);
    });
    this.#server.removeAllListeners('error');
    this.#server.on('error', () => undefined);
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no new connection, ends the idle ones; those in use get until the next turn of the loop. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
