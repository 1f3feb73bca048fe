/** The HTTPS socket: opening with a clear refusal, and closing at once with all its connections. */
import { createServer, type Server } from 'node:https';
import { createServer as createPlainServer, type AddressInfo, type Server as PlainServer, type Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import type { FurtherListener } from '@timonel/sdk/contracts/api-server';
import { losesAuthority } from '@timonel/sdk/pki';
import { onUpgrade } from '../connect/upgrade.ts';
import type { ServingCertificate } from '../pki/certificates.ts';

const requestTimeoutMs = 60_000;
const headersTimeoutMs = 20_000;
/** Longer than usual idle time-outs of clients, so that they are the ones who close. */
const keepAliveTimeoutMs = 120_000;
/** For requests under way when an authority is believed no more. */
const lastRequestsMs = 10_000;

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

function opened(server: PlainServer, { port, address }: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      // A connection that could not be accepted is its own problem.
      server.on('error', () => undefined);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function isEveryAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #further = new Set<FurtherListener>();
  readonly #limit: number;
  readonly #timers: Env['timers'];
  #authorityPem: string;
  /** Connections whose certificates were checked by the authorities of now. */
  #checked = new WeakSet<Socket>();

  constructor(
    certificate: ServingCertificate,
    handler: RequestListener,
    connections: number,
    { timers }: Pick<Env, 'timers'>,
  ) {
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
    this.#limit = connections;
    this.#authorityPem = certificate.authorityPem;
    this.#timers = timers;
    this.#server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('secureConnection', (socket) => this.#checked.add(socket));
    this.#server.prependListener('request', ({ socket }, response) => {
      if (!this.#checked.has(socket)) response.shouldKeepAlive = false;
    });
    this.#server.on('upgrade', onUpgrade(handler));
    // A client that speaks no TLS or breaks off is its own problem.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Open ones. */
  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * New connections get this certificate; those that are open go on, unless an authority is believed no more: certificates of clients are
   * checked when they connect.
   */
  use(certificate: ServingCertificate): void {
    this.#server.setSecureContext(secureContext(certificate));
    const isLess = losesAuthority(this.#authorityPem, certificate.authorityPem);
    this.#authorityPem = certificate.authorityPem;
    if (isLess) this.#endOpen();
  }

  /** Idle ones at once, others with their next answer, watches and sessions after a while. Clients connect again. */
  #endOpen(): void {
    this.#checked = new WeakSet();
    this.#server.closeIdleConnections();
    const open = [...this.#sockets];
    this.#timers.after(lastRequestsMs, () => {
      for (const socket of open) socket.destroy();
    });
  }

  /** The port it listens on. @throws Error that names the address and what to do. */
  listen(options: ListenOptions): Promise<number> {
    return opened(this.#server, options).catch((error: unknown) => {
      throw listenProblem(error, options);
    });
  }

  /**
   * Listens at one more address; connections there never take the last ones of the first address. The port may become another, when it is
   * taken. @throws what listen(2) says
   */
  async listenAlso(options: ListenOptions, admits: (clientAddress: string) => boolean): Promise<FurtherListener> {
    const own = this.#server.address() as AddressInfo;
    if (isEveryAddress(own.address) || own.address === options.address) {
      return { port: own.port, close: () => Promise.resolve() };
    }
    const sockets = new Set<Socket>();
    const server = createPlainServer((socket) => {
      if (this.#sockets.size >= this.#limit || !admits(socket.remoteAddress ?? '')) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      this.#server.emit('connection', socket);
    });
    const port = await opened(server, options).catch((error: unknown) => {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      return opened(server, { ...options, port: 0 });
    });
    const listener: FurtherListener = {
      port,
      close: async () => {
        this.#further.delete(listener);
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const socket of sockets) socket.destroy();
        await closed;
      },
    };
    this.#further.add(listener);
    return listener;
  }

  /** Takes no new connection, ends the idle ones; those in use get until the next turn of the loop. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([closed, ...[...this.#further].map((listener) => listener.close())]);
  }
}
