/** What needs gRPC's library: loaded with the first call, or the first caller. */
import {
  Client,
  Server,
  ServerCredentials,
  credentials,
  status,
  type ConnectionInjector,
  type ServiceError,
  type UntypedServiceImplementation,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { errorMessage } from '../kernel/index.ts';
import { codecOf } from './codec.ts';
import { GrpcError, grpcCode, type GrpcCode } from './grpc-error.ts';
import type { GrpcMessages, GrpcMethod } from './method.ts';

const reconnectMs = { first: 50, most: 1000 };

export class Transport {
  readonly #client: Client;

  constructor(socket: string, messageLimitBytes: number) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': messageLimitBytes,
      'grpc.max_send_message_length': messageLimitBytes,
      'grpc.initial_reconnect_backoff_ms': reconnectMs.first,
      'grpc.max_reconnect_backoff_ms': reconnectMs.most,
      // Two channels of one process must not share their fate.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      // Some servers refuse a path of a file there.
      'grpc.default_authority': 'localhost',
    });
  }

  /** `deadline`: ms since the epoch. @throws GrpcError */
  call(method: GrpcMethod, request: object, deadline: number): Promise<unknown> {
    const codec = codecOf(method);
    return new Promise((resolve, reject) => {
      const { encode } = codec.request;
      const { decode } = codec.answer;
      this.#client.makeUnaryRequest(method.path, encode, decode, request, { deadline }, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(failure(error));
      });
    });
  }

  /** Ends once: by the server, by a fault, or when the returned function was called. */
  stream(
    method: GrpcMethod,
    request: object,
    on: { message(answer: unknown): void; end(error: GrpcError | undefined): void },
  ): () => void {
    const codec = codecOf(method);
    const call = this.#client.makeServerStreamRequest(method.path, codec.request.encode, codec.answer.decode, request);
    let ended = false;
    const end = (error?: GrpcError): void => {
      if (ended) return;
      ended = true;
      on.end(error);
    };
    call.on('data', (answer: unknown) => on.message(answer));
    // `error` follows a cancellation too.
    call.on('error', (error: ServiceError) => end(failure(error)));
    call.on('end', () => end());
    return () => {
      call.cancel();
      end();
    };
  }

  close(): void {
    this.#client.close();
  }
}

function failure(error: ServiceError): GrpcError {
  const code = (status[error.code] ?? 'UNKNOWN') as GrpcCode;
  return new GrpcError(code, error.details === '' ? error.message : error.details, error);
}

export interface ServedMethod {
  readonly method: GrpcMessages;
  /** @throws GrpcError, or anything: INTERNAL */
  readonly handle: (request: never) => Promise<object>;
}

export interface Serving {
  readonly injector: ConnectionInjector;
  close(): void;
}

async function respond(handle: ServedMethod['handle'], request: unknown, done: sendUnaryData<object>): Promise<void> {
  let message: object;
  try {
    message = await handle(request as never);
  } catch (error) {
    done({ code: status[grpcCode(error) ?? 'INTERNAL'], details: errorMessage(error) });
    return;
  }
  done(null, message);
}

/** A server without a socket of its own: it is handed its connections. */
export function serving(methods: readonly ServedMethod[], messageLimitBytes: number): Serving {
  const server = new Server({
    'grpc.max_receive_message_length': messageLimitBytes,
    'grpc.max_send_message_length': messageLimitBytes,
  });
  for (const { method, handle } of methods) {
    const codec = codecOf(method);
    const definition = {
      path: method.path,
      requestStream: false,
      responseStream: false,
      requestSerialize: codec.request.encode,
      requestDeserialize: codec.request.decode,
      responseSerialize: codec.answer.encode,
      responseDeserialize: codec.answer.decode,
    };
    const answer = (call: ServerUnaryCall<unknown, object>, done: sendUnaryData<object>): void =>
      void respond(handle, call.request, done);
    const implementation: UntypedServiceImplementation = { call: answer };
    server.addService({ call: definition }, implementation);
  }
  return {
    injector: server.createConnectionInjector(ServerCredentials.createInsecure()),
    close: () => server.forceShutdown(),
  };
}
