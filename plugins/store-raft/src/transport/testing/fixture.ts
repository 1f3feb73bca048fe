/** Transports on 127.0.0.1 with certificates of one authority; all that a test made is removed by `dispose`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createRealEnv } from '@timonel/core/env';
import type { Env } from '@timonel/sdk';
import { createRecordingLogger, until, type RecordingLogger } from '@timonel/testkit';
import type { Message } from '../../raft/index.ts';
import { encodeHello } from '../hello.ts';
import type { TransportLimits } from '../limits.ts';
import { createTlsTransport, type TlsTransportOptions } from '../tls-transport.ts';
import type { PeerCall, Transport } from '../types.ts';
import { makeAuthority, makeCertificate, writeCredentials, type Authority, type MemberPem } from './certificates.ts';

export const realEnv: ReturnType<typeof createRealEnv> = createRealEnv();

export interface TestMember {
  readonly id: string;
  readonly transport: Transport;
  readonly log: RecordingLogger;
  readonly messages: Message[];
  readonly unreachable: string[];
  readonly address: string;
  onCall: (call: PeerCall) => Promise<unknown>;
  onMessage: (message: Message) => void;
}

export interface MemberOptions {
  readonly pem?: MemberPem;
  readonly limits?: Partial<TransportLimits>;
  readonly port?: number;
  readonly clusterId?: string;
  readonly env?: Env;
}

export class Fixture {
  readonly authority: Authority;
  readonly directory: string;
  readonly #undo: (() => Promise<void> | void)[] = [];
  readonly #clients = new Set<TLSSocket>();

  static async open(): Promise<Fixture> {
    return new Fixture(await makeAuthority(), await mkdtemp(join(tmpdir(), 'timonel-transport-')));
  }

  private constructor(authority: Authority, directory: string) {
    this.authority = authority;
    this.directory = directory;
    this.#undo.push(() => rm(directory, { recursive: true, force: true }));
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
  }

  async options(id: string, options: MemberOptions = {}): Promise<TlsTransportOptions> {
    const pem = options.pem ?? (await makeCertificate(this.authority, { id }));
    return {
      env: options.env ?? realEnv,
      log: createRecordingLogger(),
      memberId: id,
      clusterId: options.clusterId,
      listen: { address: '127.0.0.1', port: options.port ?? 0 },
      tls: await writeCredentials(this.directory, id, pem),
      limits: { maxBackoffMs: 200, certificateCheckMs: 20, logEveryMs: 0, ...options.limits },
    };
  }

  async member(id: string, options: MemberOptions = {}): Promise<TestMember> {
    const transportOptions = await this.options(id, options);
    const transport = createTlsTransport(transportOptions);
    this.#undo.push(() => transport.close());
    const member: TestMember = {
      id,
      transport,
      log: transportOptions.log as RecordingLogger,
      messages: [],
      unreachable: [],
      onCall: async ({ method }) => {
        throw new Error(`no one expects the call ${method}`);
      },
      onMessage: (message) => void member.messages.push(message),
      get address() {
        return transport.listening;
      },
    };
    await transport.start({
      onMessage: (message) => member.onMessage(message),
      onCall: (call) => member.onCall(call),
      onUnreachable: (peer) => void member.unreachable.push(peer),
    });
    return member;
  }

  /** Members that know each other's addresses, and are connected both ways. */
  async group(ids: readonly string[], options: MemberOptions = {}): Promise<readonly TestMember[]> {
    const members = await Promise.all(ids.map((id) => this.member(id, options)));
    const addresses = Object.fromEntries(members.map(({ id, address }) => [id, address]));
    for (const { transport } of members) transport.setPeers(addresses);
    await Promise.all(members.map((from) => connected(from, 'outgoing', members.length - 1)));
    await Promise.all(members.map((from) => connected(from, 'incoming', members.length - 1)));
    return members;
  }

  /** A plain TCP proxy in front of an address, which can stop to forward without closing anything. */
  async proxy(target: string): Promise<TcpProxy> {
    const proxy = await TcpProxy.open(target);
    this.#undo.push(() => proxy.close());
    return proxy;
  }

  /** A bare TLS client with a certificate of its own choice. Its errors are swallowed. */
  client(address: string, pem: Partial<MemberPem>): TLSSocket {
    const { host, port } = hostPort(address);
    const socket = connect({ host, port, ...pem, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    socket.on('error', () => undefined);
    this.#clients.add(socket);
    socket.once('close', () => this.#clients.delete(socket));
    return socket;
  }

  /** A bare TLS client that has exchanged greetings as member `id`. */
  async greeted(address: string, id: string, pem?: MemberPem): Promise<TLSSocket> {
    const socket = this.client(address, pem ?? (await makeCertificate(this.authority, { id })));
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.write(encodeHello({ memberId: id, clusterId: undefined }));
    await until(() => bytes > 0, { what: `a greeting from ${address}` });
    return socket;
  }
}

export function hostPort(address: string): { readonly host: string; readonly port: number } {
  const [host = '', port] = address.split(':');
  return { host, port: Number(port) };
}

/** Waits until so many connections in this direction have been opened. */
export async function connected(member: TestMember, direction: 'outgoing' | 'incoming', count: number): Promise<void> {
  await until(() => opened(member, direction) >= count, { what: `${count} ${direction} connections of ${member.id}` });
}

export function opened({ log }: TestMember, direction: 'outgoing' | 'incoming'): number {
  return log.lines.filter(
    ({ message, fields }) => message === 'connected to a member' && fields['direction'] === direction,
  ).length;
}

/** Waits for a line of the log whose reason or message has this in it. */
export async function logged(log: RecordingLogger, text: string | RegExp): Promise<void> {
  const pattern = typeof text === 'string' ? (line: string) => line.includes(text) : (line: string) => text.test(line);
  await until(() => log.lines.some(({ message, fields }) => pattern(`${message}: ${String(fields['reason'])}`)), {
    what: `a line in the log with ${String(text)}`,
  }).catch((error: unknown) => {
    throw new Error(`there are only ${JSON.stringify(log.lines.slice(-5))}`, { cause: error });
  });
}

export class TcpProxy {
  readonly address: string;
  /** While true nothing is read or written any more: neither bytes nor the end of a connection pass. */
  blackhole = false;
  /** Pieces of data that went through, both directions together. */
  chunks = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async open(target: string): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new TcpProxy(server, target);
  }

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (near) => {
      const far = createConnection(hostPort(target));
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  /** Stops to read, so that the sender's queues fill. */
  pause(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      if (this.blackhole) return;
      this.chunks++;
      to.write(chunk);
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      this.#sockets.delete(from);
      if (!this.blackhole) to.destroy();
    });
  }
}
