/** The server that an APIService names, and connections to it. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { errorMessage, type Env } from '@timonel/sdk';
import { ApiError, type ApiService } from '@timonel/sdk/kube';
import type { Identity } from '@timonel/sdk/pki';

export interface TargetService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export type Dial = (service: TargetService) => Promise<Duplex>;

/** Undefined: the API server itself. */
export function serviceOf({ spec }: ApiService): TargetService | undefined {
  const { service } = spec ?? {};
  if (service?.name === undefined || service.namespace === undefined) return undefined;
  return { namespace: service.namespace, name: service.name, port: service.port ?? 443 };
}

export interface TargetParts {
  readonly timers: Env['timers'];
  readonly dial: Dial;
  /** By which the server knows that this is the proxy. */
  readonly identity: () => Promise<Identity>;
  /** Ends what is being connected and asked; requests that are under way go on. */
  readonly signal: AbortSignal;
}

/** For the connection and the TLS handshake together. */
const connectWithinMs = 10_000;
/** Open at once, for one APIService. */
const mostConnections = 400;

export class Target {
  readonly service: TargetService;
  readonly host: string;
  readonly signal: AbortSignal;
  readonly #parts: TargetParts;
  readonly #ca: string | undefined;
  readonly #insecure: boolean;
  #context: { readonly of: Identity; readonly value: SecureContext } | undefined;
  #open = 0;

  constructor(service: TargetService, spec: NonNullable<ApiService['spec']>, parts: TargetParts) {
    this.service = service;
    this.host = `${service.name}.${service.namespace}.svc`;
    this.#parts = parts;
    this.signal = parts.signal;
    setMaxListeners(mostConnections, parts.signal);
    this.#ca = spec.caBundle === undefined ? undefined : Buffer.from(spec.caBundle, 'base64').toString('utf8');
    this.#insecure = spec.insecureSkipTLSVerify === true;
  }

  /** What connections depend on. */
  static keyOf({ spec }: ApiService): string {
    const { service, caBundle, insecureSkipTLSVerify } = spec ?? {};
    return createHash('sha256')
      .update(JSON.stringify([service, caBundle, insecureSkipTLSVerify]))
      .digest('hex');
  }

  /** A connection with TLS. @throws ApiError TooManyRequests, ServiceUnavailable */
  async connect(): Promise<Duplex> {
    if (this.#open >= mostConnections) {
      const message = `${mostConnections} requests to service/${this.service.name} in "${this.service.namespace}" are under way`;
      throw new ApiError('TooManyRequests', message, { retryAfterSeconds: 1 });
    }
    this.#open += 1;
    try {
      const socket = await this.#secured();
      socket.once('close', () => (this.#open -= 1));
      return socket;
    } catch (error) {
      this.#open -= 1;
      throw new ApiError('ServiceUnavailable', `error trying to reach service: ${errorMessage(error)}`, undefined, {
        cause: error,
      });
    }
  }

  async #secured(): Promise<Duplex> {
    const { timers, dial, identity, signal } = this.#parts;
    signal.throwIfAborted();
    const late = new AbortController();
    const timer = timers.after(connectWithinMs, () =>
      late.abort(new Error(`no connection within ${connectWithinMs} ms`)),
    );
    const end = (): void => late.abort(new Error('the APIService is gone'));
    signal.addEventListener('abort', end);
    const tooLate = new Promise<never>((_, reject) =>
      late.signal.addEventListener('abort', () => reject(late.signal.reason as Error)),
    );
    const dialled = dial(this.service);
    // Who comes too late is sent away.
    dialled.then(
      (socket) => late.signal.aborted && socket.destroy(),
      () => undefined,
    );
    try {
      const socket = await Promise.race([dialled, tooLate]);
      return await Promise.race([this.#handshake(socket, await identity(), late.signal), tooLate]);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', end);
    }
  }

  #handshake(socket: Duplex, identity: Identity, late: AbortSignal): Promise<Duplex> {
    const secured = connect({
      socket,
      servername: this.host,
      secureContext: this.#contextOf(identity),
      rejectUnauthorized: !this.#insecure,
      ALPNProtocols: ['http/1.1'],
    });
    socket.on('error', (error) => secured.destroy(error));
    socket.once('close', () => secured.destroy());
    late.addEventListener('abort', () => secured.destroy(), { once: true });
    return new Promise((resolve, reject) => {
      secured.once('secureConnect', () => resolve(secured));
      secured.once('close', () => reject(new Error('the connection was closed before it was secured')));
      secured.on('error', (error) => {
        socket.destroy();
        reject(error);
      });
    });
  }

  #contextOf(identity: Identity): SecureContext {
    if (this.#context?.of !== identity) {
      const ca = this.#ca === undefined ? {} : { ca: this.#ca };
      const value = createSecureContext({ key: identity.keyPem, cert: identity.certificatePem, ...ca });
      this.#context = { of: identity, value };
    }
    return this.#context.value;
  }
}
