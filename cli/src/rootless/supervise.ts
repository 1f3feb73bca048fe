/**
 * `timonel up` of an ordinary user: this process stays outside, with the network of the machine; the node's own process runs in
 * namespaces of its own, as root of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { TunnelServer } from '@timonel/sdk/tunnel';
import { dataDirPaths, lockDataDir, makeDataDir } from '../cluster/data-dir.ts';
import { CliError, exitCodes } from '../errors.ts';
import { makeGroups, removeGroups } from './delegated-group.ts';
import { environmentOf, type ToInner, type ToOuter } from './handed-over.ts';
import { endIdleHolder, enterWords, findHolder, intoGroup, makeHolder, type Holder } from './holder.ts';
import { findIdRanges } from './id-ranges.ts';
import { Outward } from './outward.ts';
import { socketDirectory } from './places.ts';
import { StopSignals } from './stop-signals.ts';

export interface SuperviseOptions {
  readonly dataDir: string;
  readonly listen: { readonly address: string; readonly port: number };
  readonly notice: (line: string) => void;
}

/** Runs this command again inside. Sets the exit code. @throws CliError */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { dataDir, listen, notice } = options;
  const signals = new StopSignals();
  makeDataDir(dataDir);
  const unlock = await lockDataDir(dataDirPaths(dataDir));
  try {
    const api = await openPort(listen.address, listen.port);
    const tunnel = new TunnelServer();
    const sockets = socketDirectory(dataDir);
    try {
      const tunnelSocket = join(sockets, 'tunnel.sock');
      rmSync(tunnelSocket, { force: true });
      await tunnel.listen(tunnelSocket);
      await runInside({ dataDir, api, tunnelSocket, signals, notice });
    } finally {
      tunnel.close();
      api.close();
      rmSync(sockets, { recursive: true, force: true });
    }
  } finally {
    await unlock();
    signals.close();
  }
}

interface InsideOptions {
  readonly dataDir: string;
  readonly api: Server;
  readonly tunnelSocket: string;
  readonly signals: StopSignals;
  readonly notice: (line: string) => void;
}

async function runInside(options: InsideOptions): Promise<void> {
  const { dataDir, notice } = options;
  const directory = join(dataDir, 'rootless');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const outward = new Outward(directory);
  const found = findHolder(directory);
  const holder =
    found ??
    (await makeHolder({
      directory,
      ids: findIdRanges(),
      resolvConf: outward.resolvConf(),
      groups: makeGroups(dataDir),
    }));
  if (found === undefined || !outward.isRunning()) await outward.open(holder, notice);
  try {
    process.exitCode = await node(options, holder);
  } finally {
    if (await endIdleHolder(directory, holder)) {
      outward.close();
      if (holder.groups !== undefined) removeGroups(holder.groups);
    } else notice('Containers go on. The next start takes them over.');
  }
}

/** The node's own process, from its start to its end: its exit code. */
async function node(options: InsideOptions, holder: Holder): Promise<number> {
  const { api, tunnelSocket, signals, notice } = options;
  const address = api.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const handedOver = environmentOf({ hostPid: process.pid, tunnelSocket, port });
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('sh', ['-c', intoGroup, 'sh', holder.groups?.node ?? '', ...enterWords(holder), ...self], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Ctrl-C in a terminal goes to all of a process group: it is told once, by us.
    detached: true,
    env: { ...process.env, ...handedOver },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (signal !== null) notice(`The node's process was ended by ${signal}.`);
      resolve(code ?? exitCodes.failure);
    });
  });
  signals.tell((signal) => send(child, { kind: 'stop', signal: signal as 'SIGINT' | 'SIGTERM' }));
  const ports = new NodePorts(child, notice);
  child.on('message', (message: ToOuter) => void ports.set(message.ports));
  send(child, { kind: 'api' }, api);
  try {
    return await ended;
  } finally {
    ports.close();
  }
}

/** A socket is the other side's from then on. */
function send(child: ChildProcess, message: ToInner, server?: Server): void {
  const sent = (): void => void server?.close();
  if (child.connected) child.send(message, server, sent);
  else sent();
}

/** @throws CliError when somebody has it */
async function openPort(address: string, port: number): Promise<Server> {
  try {
    return await listenOn(address, port);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'another program listens there' : code;
    throw new CliError(`The API cannot listen on ${address}:${port}: ${why}. Choose another place with --listen.`);
  }
}

function listenOn(host: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 511 }, () => resolve(server));
  });
}

/** What is open on the machine for services. */
class NodePorts {
  readonly #child: ChildProcess;
  readonly #notice: (line: string) => void;
  #open = new Set<number>();

  constructor(child: ChildProcess, notice: (line: string) => void) {
    this.#child = child;
    this.#notice = notice;
  }

  async set(ports: readonly number[]): Promise<void> {
    const before = this.#open;
    this.#open = new Set(ports);
    await Promise.all(ports.filter((port) => !before.has(port)).map((port) => this.#openOne(port)));
  }

  async #openOne(port: number): Promise<void> {
    try {
      send(this.#child, { kind: 'nodePort', port }, await listenOn('0.0.0.0', port));
    } catch (error) {
      this.#open.delete(port);
      const why = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'another program has it' : String(error);
      this.#notice(`Node port ${port} is not open on this machine: ${why}.`);
    }
  }

  close(): void {
    this.#open.clear();
  }
}
