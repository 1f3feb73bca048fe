import { chmod, lstat, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
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

const loadTransport = (): Promise<typeof import('./transport.ts')> => import('./transport.ts');

/**
 * Serves unary methods at a unix socket of which only its owner can make use. gRPC's library is loaded for the first who says something.
 * @throws Error EADDRINUSE when somebody listens there; a socket that nobody serves is replaced
 */
export async function serveGrpc(
  options: GrpcServerOptions,
  load: typeof loadTransport = loadTransport,
): Promise<GrpcServer> {
  const { socket: path, methods, connectionsLimit = 100, messageLimitBytes = 4 * 1024 * 1024 } = options;
  if (await isListening(path)) {
    throw Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' });
  }
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
    // Whoever only looks whether somebody listens says nothing.
    socket.once('readable', () => {
      if (socket.readableLength === 0) {
        socket.destroy();
        return;
      }
      loaded ??= load().then((transport) => transport.serving(methods, messageLimitBytes));
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
  });
  const ino = await listenAt(server, path);
  // Such as a lack of file descriptors: whoever calls then has to call again.
  server.on('error', (error) => options.reportFault(error));
  return {
    async close() {
      (await loaded?.catch(() => undefined))?.close();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      // It may be another's by now.
      if ((await inodeOf(path)) === ino) await rm(path, { force: true });
    },
  };
}

/**
 * Answers the inode of the socket. It comes to its place by a rename: nobody finds it before it has its mode, and what lies there when the
 * server ends is not removed by Node, which knows the name that it began with.
 */
async function listenAt(server: Server, path: string): Promise<number> {
  const beside = `${path}~`;
  await rm(beside, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(beside, resolve);
  });
  await chmod(beside, 0o600);
  const { ino } = await lstat(beside);
  await rename(beside, path);
  return ino;
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
