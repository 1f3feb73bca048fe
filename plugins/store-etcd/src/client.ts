import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { Connection, type RpcStream, type TlsMaterial } from './wire/connection.ts';
import { isRpcError, RpcError, rpcStatus } from './wire/rpc-error.ts';
import { stoppedError, toStoreError } from './errors.ts';

export interface ClientOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly endpoints: readonly string[];
  readonly tls: TlsMaterial;
  readonly requestTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly pingMs: number;
}

const messageLimitBytes = 512 * 1024 * 1024;
const firstPauseMs = 20;
const longestPauseMs = 500;

/** Calls to an etcd cluster: uses one member at a time, and the next one when that fails. */
export class EtcdClient {
  readonly #options: ClientOptions;
  #at = 0;
  #connection: Connection | undefined;
  #dialing: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#dialing?.catch(() => undefined);
    await this.#connection?.close();
  }

  /**
   * One request, one answer. A call that only reads (`repeat`) is sent again, to other members in turn, until the time
   * is up; one that writes only while it cannot have reached a server: otherwise it could be done twice.
   * @throws StoreError
   */
  async unary(method: string, message: Uint8Array, { repeat }: { readonly repeat: boolean }): Promise<Buffer> {
    const { env, requestTimeoutMs } = this.#options;
    const deadlineMs = env.clock.monotonic() + requestTimeoutMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      let connection: Connection | undefined;
      try {
        connection = await this.#connect();
        return await connection.unary(method, message, Math.max(1, deadlineMs - env.clock.monotonic()));
      } catch (error) {
        if (this.#closed) throw stoppedError();
        if (connection !== undefined) this.#judge(connection, error);
        const again = isTransient(error) && (repeat || !error.sent);
        if (!again || env.clock.monotonic() + pauseMs >= deadlineMs) throw toStoreError(error);
      }
      await env.timers.sleep(pauseMs);
    }
  }

  /** Begins a call with many answers. Its failures are RpcErrors: the caller begins again. @throws RpcError, StoreError STOPPED */
  async stream(method: string, message: Uint8Array): Promise<RpcStream> {
    const connection = await this.#connect();
    const stream = connection.stream(method, message);
    const judge = (error: unknown): void => this.#judge(connection, error);
    async function* judged(): AsyncGenerator<Buffer> {
      try {
        yield* stream;
      } catch (error) {
        judge(error);
        throw error;
      }
    }
    return { cancel: () => stream.cancel(), [Symbol.asyncIterator]: judged };
  }

  async #connect(): Promise<Connection> {
    if (this.#closed) throw stoppedError();
    if (this.#connection?.usable === true) return this.#connection;
    this.#dialing ??= this.#dial().finally(() => (this.#dialing = undefined));
    return this.#dialing;
  }

  async #dial(): Promise<Connection> {
    const { endpoints, log } = this.#options;
    const problems: string[] = [];
    for (let tries = 0; tries < endpoints.length && !this.#closed; tries++) {
      const endpoint = endpoints[this.#at % endpoints.length] ?? '';
      try {
        this.#connection = await Connection.open({ ...this.#options, endpoint, messageLimitBytes });
        log.debug({ endpoint }, 'connected to etcd');
        return this.#connection;
      } catch (error) {
        problems.push(errorMessage(error));
        this.#at++;
      }
    }
    throw new RpcError(rpcStatus.unavailable, `no etcd member can be reached: ${problems.join('; ')}`, { sent: false });
  }

  /** After a failure that is the member's: leaves it for the next one. */
  #judge(connection: Connection, error: unknown): void {
    if (connection !== this.#connection || !isTransient(error) || this.#options.endpoints.length === 1) return;
    this.#options.log.warn({ endpoint: connection.endpoint, error: errorMessage(error) }, 'leaving an etcd member');
    this.#connection = undefined;
    this.#at++;
    void connection.close();
  }
}

function isTransient(error: unknown): error is RpcError {
  return isRpcError(error) && (error.status === rpcStatus.unavailable || error.status === rpcStatus.deadlineExceeded);
}
