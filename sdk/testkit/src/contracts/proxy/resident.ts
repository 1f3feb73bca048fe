/**
 * Program: lives in a network namespace and does what it is told over the IPC channel: serves, connects, runs data planes.
 * Ends when the channel closes, and a namespace that it was started with ends with it.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createRealEnv } from '@timonel/core/env';
import { errorMessage, type Logger } from '@timonel/sdk';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { run, type CommandResult } from '@timonel/sdk/command';
import { podCidr, podCidr6 } from './ranges.ts';
import type { DataPlaneModule, DataPlaneUnderTest } from './under-test.ts';

/** How a connection attempt ended. */
export interface Dialled {
  /** `CONNECTED`, an error code of the system, or `TIMEOUT`. */
  readonly code: string;
  /** The first line of the server: its name and the client's address as it sees it. */
  readonly line: string;
  readonly tookMs: number;
}

export interface RunCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
}

const env = createRealEnv();
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

const servers = new Map<string, Server | UdpSocket>();
const held = new Map<string, Socket>();
const planes = new Map<string, DataPlaneUnderTest>();

function nextLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (): void => {
      socket.off('data', onData).off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.endsWith('\n')) return;
      end();
      resolve(text.trim());
    };
    const onClose = (): void => {
      end();
      reject(new Error('the connection ended'));
    };
    socket.on('data', onData).on('close', onClose);
  });
}

function dial(
  host: string,
  port: number,
  timeoutMs: number,
  localAddress?: string,
): Promise<Dialled & { socket: Socket }> {
  const startedMs = env.clock.monotonic();
  const socket = connect({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
  return new Promise((resolve) => {
    const finish = (code: string, line = ''): void => {
      timer.cancel();
      resolve({ code, line, tookMs: env.clock.monotonic() - startedMs, socket });
    };
    const timer = env.timers.after(timeoutMs, () => finish('TIMEOUT'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'ERROR'));
    nextLine(socket).then(
      (line) => finish('CONNECTED', line),
      () => finish('ENDED'),
    );
  });
}

const udpOf = (host: string): 'udp4' | 'udp6' => (host.includes(':') ? 'udp6' : 'udp4');

const commands = {
  /** Says its name and the client's address first, then echoes. */
  async serveTcp(name: string, port: number, host = '0.0.0.0'): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.write(`${name} ${socket.remoteAddress}\n`);
      socket.pipe(socket);
    });
    servers.set(`tcp ${name}`, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port, backlog: 511 }, () => resolve());
    });
  },
  /** `host` may be `::`, for both families. */
  async serveUdp(name: string, port: number, host = '0.0.0.0'): Promise<void> {
    const socket = createSocket(udpOf(host));
    socket.on('message', (message, client) =>
      socket.send(`${name} ${client.address} ${message.toString()}`, client.port, client.address),
    );
    servers.set(`udp ${name}`, socket);
    await new Promise<void>((resolve) => {
      socket.bind({ port, address: host }, () => resolve());
    });
  },
  async stopServer(key: string): Promise<void> {
    servers.get(key)?.close();
    servers.delete(key);
  },
  async connect(host: string, port: number, timeoutMs: number, localAddress?: string): Promise<Dialled> {
    const { socket, ...result } = await dial(host, port, timeoutMs, localAddress);
    socket.destroy();
    return result;
  },
  async connectMany(
    host: string,
    port: number,
    count: number,
    timeoutMs: number,
    localAddress?: string,
  ): Promise<Dialled[]> {
    const results: Dialled[] = [];
    for (let i = 0; i < count; i++) results.push(await commands.connect(host, port, timeoutMs, localAddress));
    return results;
  },
  /** New connections one after the other from `workers` at once; answers how many a second. */
  async rate(host: string, port: number, count: number, workers: number): Promise<number> {
    const startedMs = env.clock.monotonic();
    let left = count;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const { code } = await commands.connect(host, port, 5000);
        if (code !== 'CONNECTED') throw new Error(`connection failed: ${code}`);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    return (count * 1000) / (env.clock.monotonic() - startedMs);
  },
  /** Opens a connection that stays; answers the server's line. */
  async hold(id: string, host: string, port: number): Promise<string> {
    const { socket, code, line } = await dial(host, port, 3000);
    if (code !== 'CONNECTED') throw new Error(`${host}:${port} ${code}`);
    held.set(id, socket);
    return line;
  },
  /** Sends text over a held connection and answers what comes back. */
  async echo(id: string, text: string): Promise<string> {
    const socket = held.get(id);
    if (socket === undefined || socket.destroyed) throw new Error('the connection is gone');
    const line = nextLine(socket);
    socket.write(`${text}\n`);
    return new Promise((resolve, reject) => {
      const timer = env.timers.after(3000, () => reject(new Error('no echo for 3 s')));
      line.then(resolve, reject).finally(() => timer.cancel());
    });
  },
  /** Ends our half of a held connection; answers what the server still sends until it ends its half. */
  async endHalf(id: string, lastWords: string): Promise<string> {
    const socket = held.get(id);
    if (socket === undefined) throw new Error('the connection is gone');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const ended = new Promise<string>((resolve, reject) => {
      socket.once('end', () => resolve(text)).once('error', reject);
    });
    socket.end(lastWords);
    return ended;
  },
  async release(id: string): Promise<void> {
    held.get(id)?.destroy();
    held.delete(id);
  },
  /** One datagram and its answer; `TIMEOUT`, or the system's code. */
  async askUdp(host: string, port: number, text: string, timeoutMs: number, localPort = 0): Promise<string> {
    const socket = createSocket(udpOf(host));
    await new Promise<void>((resolve) => {
      socket.bind({ port: localPort }, () => resolve());
    });
    try {
      // A connected socket hears of unreachable ports, and nothing from elsewhere.
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.connect(port, host, () => resolve());
      });
      return await new Promise<string>((resolve) => {
        const timer = env.timers.after(timeoutMs, () => resolve('TIMEOUT'));
        const finish = (answer: string): void => {
          timer.cancel();
          resolve(answer);
        };
        socket.once('message', (message) => finish(message.toString()));
        socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'ERROR'));
        socket.send(text);
      });
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'ERROR';
    } finally {
      socket.close();
    }
  },
  async freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, () => resolve());
    });
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => {
      server.close(resolve);
    });
    return port;
  },
  async run({ program, args, input }: RunCommand): Promise<CommandResult> {
    return run(program, args, input);
  },
  async openPlane(id: string, module: string, dataDir: string, serviceCidr: string): Promise<void> {
    const loaded = (await import(module)) as DataPlaneModule;
    planes.set(id, await loaded.openDataPlane({ env, log, dataDir, serviceCidr, clusterCidrs: [podCidr, podCidr6] }));
  },
  /** Answers how long it took, ms. */
  async apply(id: string, rules: readonly ServicePortRule[]): Promise<number> {
    const startedMs = env.clock.monotonic();
    await planes.get(id)?.apply(rules);
    return env.clock.monotonic() - startedMs;
  },
  async forget(id: string): Promise<void> {
    planes.get(id)?.forget();
  },
  async closePlane(id: string): Promise<void> {
    await planes.get(id)?.close();
    planes.delete(id);
  },
  /** What keeps the process busy, by name. */
  async handles(): Promise<string[]> {
    return process.getActiveResourcesInfo().filter((name) => /TCP|UDP|Timeout/.test(name));
  },
};

/** What a resident does. */
export type Commands = typeof commands;

interface Request {
  readonly id: number;
  readonly command: keyof Commands;
  readonly args: readonly unknown[];
}

process.on('message', ({ id, command, args }: Request) => {
  const call = commands[command] as (...args: readonly unknown[]) => Promise<unknown>;
  Promise.resolve()
    .then(() => call(...args))
    .then(
      (result) => process.send?.({ id, result }),
      (error: unknown) => process.send?.({ id, error: errorMessage(error) }),
    );
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
