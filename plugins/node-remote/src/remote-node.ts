/** A node in another process. */
import type { Duplex } from 'node:stream';
import { errorMessage } from '@timonel/sdk';
import {
  attachPath,
  containerLogPath,
  execPath,
  networkStatePath,
  portForwardPath,
  usagePath,
  type LogOptions,
  type NodeEndpoint,
  type NodeNetworkState,
  type NodeUsage,
  type PodAttachOptions,
  type PodExecOptions,
  type PodReference,
} from '@timonel/sdk/contracts/node';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import { remotePort, remoteSession } from '@timonel/sdk/streams';
import { placeOf, type NodeAddress } from './node-address.ts';
import { askNode, textOf } from './node-request.ts';
import { openPlain, openSocket, type SessionParts } from './node-upgrade.ts';
import type { Turnstile } from './turnstile.ts';

const pageLimitBytes = 8 * 1024 * 1024;

export class RemoteNode implements NodeEndpoint {
  readonly #address: NodeAddress;
  readonly #parts: SessionParts;
  readonly #turnstile: Turnstile;

  constructor(address: NodeAddress, parts: SessionParts, turnstile: Turnstile) {
    this.#address = address;
    this.#parts = parts;
    this.#turnstile = turnstile;
  }

  nodeName(): string {
    return this.#address.nodeName;
  }

  async exec(pod: PodReference, options: PodExecOptions): Promise<ExecSession> {
    return this.#session(execPath(pod, options), options);
  }

  async attach(pod: PodReference, options: PodAttachOptions): Promise<ExecSession> {
    return this.#session(attachPath(pod, options), options);
  }

  async portForward(pod: PodReference, port: number): Promise<Duplex> {
    const { timers, idleTimeoutMs: idleMs } = this.#parts;
    return this.#held((signal) =>
      openSocket(this.#address, portForwardPath(pod, port), this.#parts, signal, (socket) =>
        remotePort(socket, { timers, idleMs }),
      ),
    );
  }

  async connect(): Promise<Duplex> {
    return this.#held((signal) => openPlain(this.#address, this.#parts, signal));
  }

  usage(): Promise<NodeUsage> {
    return this.#page<NodeUsage>(usagePath);
  }

  network(): Promise<NodeNetworkState> {
    return this.#page<NodeNetworkState>(networkStatePath);
  }

  async #page<T>(path: string): Promise<T> {
    const leave = this.#turnstile.enter(new AbortController().signal);
    try {
      const response = await askNode(this.#address, path, this.#parts, leave.signal);
      return JSON.parse(await textOf(response, this.#address, this.#parts, pageLimitBytes)) as T;
    } finally {
      leave.done();
    }
  }

  /** Counts as long as the process runs or the connection stands. */
  async #session(path: string, { stdin, tty }: { stdin: boolean; tty: boolean }): Promise<ExecSession> {
    const leave = this.#turnstile.enter(new AbortController().signal);
    try {
      const { timers, idleTimeoutMs: idleMs } = this.#parts;
      const place = `node "${this.nodeName()}" (${placeOf(this.#address)})`;
      const session = await openSocket(this.#address, path, this.#parts, leave.signal, (socket) =>
        remoteSession(socket, { stdin, tty, timers, idleMs, place }),
      );
      session.exited.then(
        () => leave.done(),
        () => leave.done(),
      );
      return session;
    } catch (error) {
      leave.done();
      throw error;
    }
  }

  async #held(open: (signal: AbortSignal) => Promise<Duplex>): Promise<Duplex> {
    const leave = this.#turnstile.enter(new AbortController().signal);
    try {
      const connection = await open(leave.signal);
      const end = (): void => void connection.destroy();
      leave.signal.addEventListener('abort', end, { once: true });
      if (leave.signal.aborted) end();
      connection.once('close', () => leave.done());
      return connection;
    } catch (error) {
      leave.done();
      throw error;
    }
  }

  async *logs(
    pod: { namespace: string; name: string; uid: string },
    options: LogOptions,
  ): AsyncGenerator<Uint8Array, void> {
    const leave = this.#turnstile.enter(options.signal);
    try {
      const response = await askNode(this.#address, containerLogPath(pod, options), this.#parts, leave.signal);
      try {
        yield* response as AsyncIterable<Uint8Array>;
      } catch (cause) {
        if (options.signal.aborted) return;
        const { nodeName } = this.#address;
        const message = `the log broke off: node "${nodeName}" (${placeOf(this.#address)}): ${errorMessage(cause)}`;
        throw new ApiError('ServiceUnavailable', message, undefined, { cause });
      } finally {
        response.destroy();
      }
    } finally {
      leave.done();
    }
  }
}
