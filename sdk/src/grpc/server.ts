import { chmod, lstat, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { errorCode } from '../kernel/index.ts';
import type { ServedMethod, Serving } from './transport.ts';

export type { ServedMethod } from './transport.ts';

export interface GrpcServerOptions {
  /** Absolute path of the unix socket. */
  readonly socket: string;
  readonly methods: readonly ServedMethod[];
  /** One more is cut off. Default 100. */
  readonly connectionsLimit?: number;
  /** Default 4 MiB. */
  readonly messageLimitBytes?: number;
  reportFault(error: unknown): void;
}

export interface GrpcServer {
  /** Cuts off whoever is connected, and removes the socket if it is its own still. */
  close(): Promise<void>;
}

/** Whether somebody listens at the socket. */
export function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => (probe.destroy(), resolve(true)));
    probe.once('error', () => resolve(false));
  });
}

/**
 * Serves unary methods at a unix socket of which only its owner can make use. gRPC's library is loaded for the first who connects.
 * @throws Error EADDRINUSE when somebody listens there; a socket that nobody serves is replaced
 */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { socket: path, methods, connectionsLimit = 100, messageLimitBytes = 4 * 1024 * 1024 } = options;
  if (await isListening(path)) {
    throw Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' });
  }
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  let loaded: Promise<Serving> | undefined;
  const server = createServer((socket) => {
    if (sockets.size >= connectionsLimit) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    loaded ??= import('./transport.ts').then((transport) => transport.serving(methods, messageLimitBytes));
    loaded.then(
      ({ injector }) => {
        if (!socket.destroyed) injector.injectConnection(socket);
      },
      (error: unknown) => {
        socket.destroy();
        options.reportFault(error);
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  const { ino } = await lstat(path);
  return {
    async close() {
      const isOwn = await lstat(path).then(
        (found) => found.ino === ino,
        (error: unknown) => {
          if (errorCode(error) === 'ENOENT') return false;
          throw error;
        },
      );
      (await loaded?.catch(() => undefined))?.close();
      for (const socket of sockets) socket.destroy();
      await closed(server, path, isOwn);
    },
  };
}

/** Node removes the path when it closes the server, whoever made what lies there by then: so that is put aside meanwhile. */
async function closed(server: ReturnType<typeof createServer>, path: string, isOwn: boolean): Promise<void> {
  const aside = `${path}.aside`;
  const { rename } = await import('node:fs/promises');
  if (!isOwn) await rename(path, aside).catch(() => undefined);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (!isOwn) await rename(aside, path).catch(() => undefined);
}
