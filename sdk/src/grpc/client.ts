import type { Env } from '../kernel/index.ts';
import { GrpcError } from './grpc-error.ts';
import type { GrpcMethod } from './method.ts';
import type { Transport } from './transport.ts';

export interface GrpcClientOptions {
  /** Absolute path of a unix socket. */
  readonly socket: string;
  readonly env: Env;
  /** One more is refused with RESOURCE_EXHAUSTED, so that a server that hangs does not fill the memory. Default 1000. */
  readonly callsLimit?: number;
  /** Default 16 MiB. */
  readonly messageLimitBytes?: number;
}

const defaults = { callsLimit: 1000, messageLimitBytes: 16 * 1024 * 1024 };

/** gRPC to a unix socket. It connects anew by itself. */
export class GrpcClient {
  readonly #options: GrpcClientOptions & typeof defaults;
  #transport: Promise<Transport> | undefined;
  #calls = 0;
  #closed = false;

  constructor(options: GrpcClientOptions) {
    this.#options = { ...defaults, ...options };
  }

  get socket(): string {
    return this.#options.socket;
  }

  /** @throws GrpcError, also when there is no answer within the time */
  async call<Request extends object, Answer>(
    method: GrpcMethod<Request, Answer>,
    request: Request,
    timeoutMs: number,
  ): Promise<Answer> {
    const { env, callsLimit, socket } = this.#options;
    if (this.#calls >= callsLimit)
      throw new GrpcError('RESOURCE_EXHAUSTED', `${socket} has ${callsLimit} calls to answer already`);
    this.#calls += 1;
    try {
      const transport = await this.#connected();
      return (await transport.call(method as GrpcMethod, request, env.clock.now() + timeoutMs)) as Answer;
    } finally {
      this.#calls -= 1;
    }
  }

  /** Resolves once the call is under way, with what ends it. `end` is called once, whatever ends it. */
  async stream<Request extends object, Answer>(
    method: GrpcMethod<Request, Answer>,
    request: Request,
    on: { message(answer: Answer): void; end(error: GrpcError | undefined): void },
  ): Promise<() => void> {
    const transport = await this.#connected();
    return transport.stream(method as GrpcMethod, request, {
      message: (answer) => on.message(answer as Answer),
      end: (error) => on.end(error),
    });
  }

  close(): void {
    this.#closed = true;
    void this.#transport?.then((transport) => transport.close());
  }

  async #connected(): Promise<Transport> {
    if (this.#closed) throw new GrpcError('CANCELLED', `the connection to ${this.#options.socket} was closed`);
    const { socket, messageLimitBytes } = this.#options;
    this.#transport ??= import('./transport.ts').then((loaded) => new loaded.Transport(socket, messageLimitBytes));
    return this.#transport;
  }
}
