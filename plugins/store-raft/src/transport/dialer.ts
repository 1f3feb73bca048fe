/** Keeps one connection to a member, with back-off. */
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Env, TimerHandle } from '@timonel/sdk';
import type { MemberId } from '../raft/index.ts';
import type { HostPort } from './address.ts';
import { peerProblem, type Credentials } from './credentials.ts';
import type { TransportLimits } from './limits.ts';
import { socketReason } from './socket-reason.ts';

export interface DialerOptions {
  readonly env: Env;
  readonly limits: TransportLimits;
  readonly peerId: MemberId;
  readonly target: HostPort;
  readonly credentials: Credentials;
  /** The member answered and its certificate is right. */
  readonly onSecure: (socket: TLSSocket) => void;
  readonly onTrouble: (reason: string) => void;
}

export class Dialer {
  readonly #options: DialerOptions;
  #wait: TimerHandle | undefined;
  #backoffMs: number;
  #openSinceMs: number | undefined;
  #connecting: TLSSocket | undefined;
  #stopped = false;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#backoffMs = options.limits.minBackoffMs;
    this.#dial();
  }

  get target(): HostPort {
    return this.#options.target;
  }

  /** Greetings were exchanged. */
  opened(): void {
    this.#openSinceMs = this.#options.env.clock.monotonic();
  }

  /** The connection it gave out is closed. */
  dropped(): void {
    const { env, limits } = this.#options;
    // One that breaks at once each time must not be tried a thousand times a second.
    const held = this.#openSinceMs !== undefined && env.clock.monotonic() - this.#openSinceMs > limits.maxBackoffMs;
    if (held) this.#backoffMs = limits.minBackoffMs;
    this.#openSinceMs = undefined;
    this.#retry();
  }

  /** The member was heard of: it is worth a try soon. */
  nudge(): void {
    if (this.#wait === undefined) return;
    this.#wait.cancel();
    this.#wait = this.#options.env.timers.after(this.#options.limits.minBackoffMs, () => this.#dial());
  }

  stop(): void {
    this.#stopped = true;
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#connecting?.destroy();
  }

  #retry(): void {
    if (this.#stopped) return;
    const { env, limits } = this.#options;
    const delayMs = this.#backoffMs * (0.5 + env.random.next() / 2);
    this.#backoffMs = Math.min(this.#backoffMs * 2, limits.maxBackoffMs);
    this.#wait = env.timers.after(delayMs, () => this.#dial());
  }

  #dial(): void {
    this.#wait = undefined;
    if (this.#stopped) return;
    const { env, limits, target, credentials, peerId } = this.#options;
    const socket = connect({
      host: target.host,
      port: target.port,
      secureContext: credentials.context,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: true,
      // Members are known by their ids, wherever they are.
      checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
        const problem = peerProblem(certificate, peerId);
        return problem === undefined ? undefined : new Error(problem);
      },
    });
    this.#connecting = socket;
    let reason: string | undefined;
    const deadline = env.timers.after(limits.handshakeMs, () => {
      reason = `no answer within ${limits.handshakeMs} ms`;
      socket.destroy();
    });
    const onError = (error: Error): void => {
      reason ??= socketReason(error);
    };
    const onClose = (): void => {
      deadline.cancel();
      this.#connecting = undefined;
      if (this.#stopped) return;
      this.#options.onTrouble(reason ?? 'it closed the connection during the TLS handshake');
      this.#retry();
    };
    socket.on('error', onError);
    socket.once('close', onClose);
    socket.once('secureConnect', () => {
      deadline.cancel();
      this.#connecting = undefined;
      socket.off('error', onError);
      socket.off('close', onClose);
      this.#options.onSecure(socket);
    });
  }
}
