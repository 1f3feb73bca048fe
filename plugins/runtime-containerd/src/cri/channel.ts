import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { Env } from '@timonel/sdk';
import { codecOf, type Method, type MethodCodec } from './messages.ts';
import type { Answers } from './types.ts';

/** The namespace of the CRI in containerd; its own services want to be told. */
export const criNamespace = 'k8s.io';

const messageLimitBytes = 16 * 1024 * 1024;
const reconnectMs = { first: 50, most: 1000 };
/** How long each may take; containers are made of images that containerd may have to unpack, and their removal may wait for a slow disk. */
const seconds: Partial<Record<Method, number>> = {
  RunPodSandbox: 120,
  StopPodSandbox: 120,
  RemovePodSandbox: 120,
  CreateContainer: 120,
  StartContainer: 60,
  StopContainer: 60,
  RemoveContainer: 60,
  ImageStatus: 5,
};
const usualSeconds = 15;
/** What may be under way at a time, so that a containerd that hangs does not fill the memory. */
const callsLimit = 1000;

export type CallCode = keyof typeof status;

/** A call to containerd failed. Recognise it by `name`. */
export class CallError extends Error {
  override readonly name: string = 'ContainerdCallError';
  readonly code: CallCode;

  constructor(code: CallCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export function callCode(error: unknown): CallCode | undefined {
  const { name, code } = error as { name?: string; code?: CallCode };
  return name === 'ContainerdCallError' ? code : undefined;
}

/** gRPC to containerd's socket. It connects anew by itself. */
export class Channel {
  readonly #socket: string;
  readonly #env: Env;
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #codecs = new Map<Method, MethodCodec>();
  #calls = 0;

  constructor(socket: string, env: Env) {
    this.#socket = socket;
    this.#env = env;
    this.#metadata.set('containerd-namespace', criNamespace);
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': messageLimitBytes,
      'grpc.max_send_message_length': messageLimitBytes,
      'grpc.initial_reconnect_backoff_ms': reconnectMs.first,
      'grpc.max_reconnect_backoff_ms': reconnectMs.most,
      // Two channels of one process must not share their fate.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** @throws CallError, also when there is no answer within the time */
  call<M extends Method & keyof Answers>(method: M, request: object, timeoutMs?: number): Promise<Answers[M]> {
    const limitMs = timeoutMs ?? (seconds[method] ?? usualSeconds) * 1000;
    const codec = this.#codec(method);
    if (this.#calls >= callsLimit) {
      return Promise.reject(
        new CallError('RESOURCE_EXHAUSTED', `containerd has ${callsLimit} calls to answer already`),
      );
    }
    this.#calls += 1;
    return new Promise<Answers[M]>((resolve, reject) => {
      const deadline = this.#env.clock.now() + limitMs;
      this.#client.makeUnaryRequest(
        codec.path,
        codec.encode,
        codec.decode,
        request,
        this.#metadata,
        { deadline },
        (error, answer) => {
          this.#calls -= 1;
          if (error === null) resolve(answer as Answers[M]);
          else reject(this.#failure(method, error, limitMs));
        },
      );
    });
  }

  /** Calls back for each message until the returned function is called, or the stream ends. */
  stream<M extends Method & keyof Answers>(
    method: M,
    request: object,
    on: { message(answer: Answers[M]): void; end(): void },
  ): () => void {
    const codec = this.#codec(method);
    const stream = this.#client.makeServerStreamRequest(
      codec.path,
      codec.encode,
      codec.decode,
      request,
      this.#metadata,
      {},
    );
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      on.end();
    };
    stream.on('data', (answer: Answers[M]) => on.message(answer));
    // `error` follows a cancellation too.
    stream.on('error', end);
    stream.on('end', end);
    return () => {
      ended = true;
      stream.cancel();
    };
  }

  close(): void {
    this.#client.close();
  }

  #codec(method: Method): MethodCodec {
    const known = this.#codecs.get(method) ?? codecOf(method);
    this.#codecs.set(method, known);
    return known;
  }

  #failure(method: Method, error: ServiceError, timeoutMs: number): CallError {
    const code = (status[error.code] ?? 'UNKNOWN') as CallCode;
    if (code === 'UNAVAILABLE') {
      const what = `containerd does not answer at ${this.#socket}: is it running? (systemctl status containerd)`;
      return new CallError(code, what, error);
    }
    if (code === 'DEADLINE_EXCEEDED') {
      return new CallError(code, `containerd did not answer ${method} within ${timeoutMs / 1000} s`, error);
    }
    if (code === 'UNIMPLEMENTED') {
      const what = `this containerd does not offer ${method}: its CRI plugin must not stand in disabled_plugins of config.toml, and version 1.6 or newer is needed`;
      return new CallError(code, what, error);
    }
    return new CallError(code, error.details === '' ? error.message : error.details, error);
  }
}
