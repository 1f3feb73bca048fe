import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { errorMessage, type Env, type TimerHandle } from '@timonel/sdk';
import { encodeFrame, FrameReader } from './frames.ts';
import { RpcError, rpcStatus } from './rpc-error.ts';

/** PEM texts for https endpoints. */
export interface TlsMaterial {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface ConnectionOptions {
  readonly env: Env;
  readonly endpoint: string;
  readonly tls: TlsMaterial;
  readonly dialTimeoutMs: number;
  readonly pingMs: number;
  readonly messageLimitBytes: number;
}

/** A call whose answers come one by one. Iterate it once; not reading holds the server back (flow control). */
export interface RpcStream extends AsyncIterable<Buffer> {
  cancel(): void;
}

const windowBytes = 16 * 1024 * 1024;
const sessionMemoryMb = 2_048;

/** One HTTP/2 connection to one etcd member, with gRPC calls on it. Never reconnects: it ends, and another is made. */
export class Connection {
  readonly endpoint: string;
  readonly #session: ClientHttp2Session;
  readonly #options: ConnectionOptions;
  #ping: TimerHandle | undefined;
  #pong: TimerHandle | undefined;

  /** @throws RpcError unavailable, not sent */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { ca, cert, key } = options.tls;
    const session = connect(options.endpoint, {
      settings: { initialWindowSize: windowBytes, enablePush: false },
      // Its bound would refuse new calls while large answers wait; calls and messages have bounds of their own.
      maxSessionMemory: sessionMemoryMb,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string, cause?: unknown): void => {
        timer.cancel();
        session.destroy();
        reject(new RpcError(rpcStatus.unavailable, `${options.endpoint}: ${why}`, { sent: false, cause }));
      };
      const timer = options.env.timers.after(options.dialTimeoutMs, () =>
        fail(`no connection within ${options.dialTimeoutMs} ms`),
      );
      session.once('close', () => fail('the connection was closed'));
      session.on('error', (error) => fail(errorMessage(error), error));
      session.once('connect', () => {
        timer.cancel();
        resolve();
      });
    });
    return new Connection(session, options);
  }

  private constructor(session: ClientHttp2Session, options: ConnectionOptions) {
    this.endpoint = options.endpoint;
    this.#session = session;
    this.#options = options;
    session.setLocalWindowSize(windowBytes);
    // GOAWAY: running calls end, new ones go elsewhere.
    session.on('goaway', () => session.close());
    session.on('close', () => this.#stopPinging());
    this.#ping = options.env.timers.every(options.pingMs, () => this.#sendPing());
  }

  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  close(): Promise<void> {
    this.#stopPinging();
    if (this.#session.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#session.once('close', () => resolve());
      this.#session.destroy();
    });
  }

  /** One request, one answer. */
  unary(method: string, message: Uint8Array, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#request(method);
      const frames = new FrameReader(this.#options.messageLimitBytes);
      const outcome = new CallOutcome(stream);
      let timedOut = false;
      let broken: unknown;
      let answer: Buffer | undefined;
      const timer = this.#options.env.timers.after(timeoutMs, () => {
        timedOut = true;
        stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on('data', (chunk: Buffer) => {
        frames.push(chunk);
        try {
          answer ??= frames.take();
        } catch (error) {
          broken ??= error;
          stream.close(constants.NGHTTP2_CANCEL);
        }
      });
      stream.on('close', () => {
        timer.cancel();
        const failure =
          broken ??
          (timedOut
            ? new RpcError(rpcStatus.deadlineExceeded, `${this.endpoint} did not answer within ${timeoutMs} ms`)
            : outcome.failure(this.endpoint));
        if (failure === undefined && answer !== undefined) resolve(answer);
        else reject(failure ?? new RpcError(rpcStatus.internal, `${this.endpoint} answered ${method} with nothing`));
      });
      stream.end(encodeFrame(message));
    });
  }

  /** One request, then answers until one side ends the call. */
  stream(method: string, message: Uint8Array): RpcStream {
    const stream = this.#request(method);
    const outcome = new CallOutcome(stream);
    let cancelled = false;
    stream.write(encodeFrame(message));
    const { endpoint } = this;
    const { messageLimitBytes } = this.#options;
    async function* messages(): AsyncGenerator<Buffer> {
      const frames = new FrameReader(messageLimitBytes);
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          frames.push(chunk);
          for (let next = frames.take(); next !== undefined; next = frames.take()) yield next;
        }
      } catch (error) {
        if (cancelled) return;
        throw outcome.failure(endpoint) ?? error;
      } finally {
        stream.close(constants.NGHTTP2_CANCEL);
      }
      const failure = outcome.failure(endpoint);
      if (failure !== undefined && !cancelled) throw failure;
    }
    return {
      cancel: () => {
        cancelled = true;
        stream.close(constants.NGHTTP2_CANCEL);
      },
      [Symbol.asyncIterator]: messages,
    };
  }

  #request(method: string): ClientHttp2Stream {
    if (!this.usable) {
      throw new RpcError(rpcStatus.unavailable, `${this.endpoint}: the connection is closed`, { sent: false });
    }
    return this.#session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
      // A member cut off from the others refuses at once, rather than to keep the caller waiting.
      hasleader: 'true',
    });
  }

  #sendPing(): void {
    if (!this.usable || this.#pong !== undefined) return;
    this.#pong = this.#options.env.timers.after(this.#options.dialTimeoutMs, () => this.#session.destroy());
    this.#session.ping(() => {
      this.#pong?.cancel();
      this.#pong = undefined;
    });
  }

  #stopPinging(): void {
    this.#ping?.cancel();
    this.#pong?.cancel();
    this.#ping = undefined;
  }
}

/** How a call ended: the status is in the trailers, or in the headers when there are no others. */
class CallOutcome {
  #status: number | undefined;
  #message = '';
  #error: unknown;

  constructor(stream: ClientHttp2Stream) {
    const read = (headers: IncomingHttpHeaders): void => {
      const status = headers['grpc-status'];
      if (status !== undefined) {
        this.#status = Number(status);
        this.#message = decodeMessage(String(headers['grpc-message'] ?? ''));
      } else if (headers[':status'] !== undefined && Number(headers[':status']) !== 200) {
        this.#status = rpcStatus.unavailable;
        this.#message = `HTTP status ${String(headers[':status'])}: not an etcd v3 endpoint`;
      }
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('error', (error) => (this.#error = error));
  }

  failure(endpoint: string): RpcError | undefined {
    if (this.#status === rpcStatus.ok) return undefined;
    if (this.#status !== undefined) return new RpcError(this.#status, this.#message);
    const why = this.#error === undefined ? 'the connection ended' : errorMessage(this.#error);
    return new RpcError(rpcStatus.unavailable, `${endpoint}: ${why}`, { cause: this.#error });
  }
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
