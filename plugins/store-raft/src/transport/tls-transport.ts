/** The transport of a real group: mutual TLS 1.3 between members that the cluster's authority has certified. */
import { errorMessage, invariant, type Env, type Logger } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { MemberId, Message } from '../raft/index.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { Credentials, type CredentialFiles } from './credentials.ts';
import type { Frame } from './frames.ts';
import { defaultLimits, type TransportLimits } from './limits.ts';
import { Links } from './links.ts';
import { Listener } from './listener.ts';
import { attempt } from './malformed.ts';
import { TroubleLog } from './trouble-log.ts';
import type { Transport, TransportHandlers } from './types.ts';

export interface TlsTransportOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly memberId: MemberId;
  /** Undefined: not known yet; then peers of any cluster are taken, as far as their certificates are good. */
  readonly clusterId?: string | undefined;
  /** Port 0: any. */
  readonly listen: { readonly address: string; readonly port: number };
  /**
   * PEM files, read again when they change. The certificate: CN the member id, O `timonel:store-members`, for servers and clients
   * alike (extended key usage serverAuth and clientAuth, or none).
   */
  readonly tls: CredentialFiles;
  readonly limits?: { readonly [K in keyof TransportLimits]?: TransportLimits[K] | undefined } | undefined;
}

export function createTlsTransport(options: TlsTransportOptions): Transport {
  return new TlsTransport(options);
}

/** What there is once it was started. */
interface Running {
  readonly handlers: TransportHandlers;
  readonly credentials: Credentials;
  readonly listener: Listener;
  readonly listening: string;
  readonly links: Links;
}

class TlsTransport implements Transport {
  readonly #options: TlsTransportOptions;
  readonly #limits: TransportLimits;
  readonly #trouble: TroubleLog;
  readonly #unreachable = new Set<MemberId>();
  #addresses: Readonly<Record<MemberId, string>> = {};
  #running: Running | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TlsTransportOptions) {
    this.#options = options;
    const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined);
    this.#limits = { ...defaultLimits, ...Object.fromEntries(given) };
    this.#trouble = new TroubleLog(options.env, options.log, this.#limits.logEveryMs);
  }

  /** @throws Error with a sentence, when the certificate cannot be used or the address is taken */
  async start(handlers: TransportHandlers): Promise<void> {
    invariant(this.#running === undefined && this.#closing === undefined, 'a transport is started once');
    const { env, log, tls: files, memberId, clusterId, listen } = this.#options;
    const trouble = this.#trouble;
    const limits = this.#limits;
    const credentials = await Credentials.open({
      env,
      log,
      trouble,
      files,
      memberId,
      checkMs: limits.certificateCheckMs,
      onChange: (secure) => listener.secure(secure),
    });
    const links = new Links({
      env,
      log,
      trouble,
      limits,
      own: { memberId, clusterId },
      credentials,
      onMessage: (from, frame) => this.#onMessage(from, frame),
      onCall: (call) => handlers.onCall(call),
      onBroken: (member) => this.#tellUnreachable(member),
    });
    const onMember = links.adopt.bind(links);
    const listener = new Listener({ listen, secure: credentials.options, limits, trouble, onMember });
    try {
      this.#running = { handlers, credentials, listener, links, listening: await listener.start() };
    } catch (error) {
      await credentials.close();
      throw error;
    }
    links.setPeers(this.#addresses);
  }

  get listening(): string {
    invariant(this.#running !== undefined, 'a transport listens when it has been started');
    return this.#running.listening;
  }

  setPeers(addresses: Readonly<Record<MemberId, string>>): void {
    this.#addresses = addresses;
    this.#running?.links.setPeers(addresses);
  }

  send(message: Message): boolean {
    const line = this.#running?.links.line(message.to);
    const frame = line === undefined ? undefined : this.#encode(message);
    if (frame === undefined || line?.connection.send(frame, message.type === 'snapshotRequest') !== true) {
      this.#dropped(message.to);
      return false;
    }
    return true;
  }

  async call(to: MemberId, method: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    const line = this.#running?.links.line(to);
    if (line === undefined) {
      throw new StoreError('UNAVAILABLE', `there is no connection to member ${to}: try again later`);
    }
    return line.calls.call(method, payload, timeoutMs);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running === undefined) return;
    const { credentials, listener, links } = this.#running;
    await Promise.all([credentials.close(), listener.close(), links.close()]);
  }

  #onMessage(from: MemberId, frame: Frame): string | undefined {
    if (this.#closing !== undefined) return undefined;
    const result = attempt(() => decodeMessage(frame, { from, to: this.#options.memberId }));
    if ('problem' in result) return result.problem;
    const { value: message } = result;
    if (message === undefined) return `a frame has the unknown kind ${frame.kind}`;
    this.#guard('onMessage', (handlers) => handlers.onMessage(message));
    return undefined;
  }

  #encode(message: Message): Buffer | undefined {
    const { memberId } = this.#options;
    const { frameBytes } = this.#limits;
    const result = attempt(() => {
      invariant(message.from === memberId, `a message from ${message.from} is not ours to send`);
      const frame = encodeMessage(message);
      invariant(frame.length <= frameBytes, `it has ${frame.length} bytes, at most ${frameBytes} are allowed`);
      return frame;
    });
    if ('value' in result) return result.value;
    const fields = { member: message.to, type: message.type, reason: result.problem };
    this.#trouble.warn(`send ${message.to} ${message.type}`, fields, 'dropped a message that cannot be sent');
    return undefined;
  }

  /** Tells of it once in this turn, and not within `send`. */
  #dropped(member: MemberId): void {
    if (this.#unreachable.size === 0) {
      setImmediate(() => {
        const members = [...this.#unreachable];
        this.#unreachable.clear();
        for (const id of members) this.#tellUnreachable(id);
      });
    }
    this.#unreachable.add(member);
  }

  #tellUnreachable(member: MemberId): void {
    if (this.#closing === undefined) this.#guard('onUnreachable', (handlers) => handlers.onUnreachable(member));
  }

  /** A handler that throws must not take the connection with it; whoever gave it has to stop what is broken. */
  #guard(name: string, run: (handlers: TransportHandlers) => void): void {
    if (this.#running === undefined) return;
    try {
      run(this.#running.handlers);
    } catch (error) {
      this.#options.log.error({ handler: name, reason: errorMessage(error) }, 'a handler of the transport threw');
    }
  }
}
