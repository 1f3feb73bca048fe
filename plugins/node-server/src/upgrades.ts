/** Serves upgrades to WebSocket: sessions, and connections into pods. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorMessage, type Logger } from '@timonel/sdk';
import type { NodeEndpoint } from '@timonel/sdk/contracts/node';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import { messageLimitBytes, nodeProtocol, servePort, serveSession } from '@timonel/sdk/streams';
import { WebSocketServer, type WebSocket } from 'ws';
import type { HandlerParts } from './handler.ts';
import { nodeIn } from './node-in.ts';
import { sessionRequest, type SessionRequest } from './session-request.ts';

export interface UpgradeParts extends HandlerParts {
  readonly sessions: number;
  readonly idleTimeoutMs: number;
  /** Aborted when the plugin stops. */
  readonly signal: AbortSignal;
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const keepAliveMs = 15_000;

/** A caller that does not close its side in turn would keep the connection for ever. */
function answer(socket: Duplex, failure: ApiError): void {
  const body = JSON.stringify(failure.status);
  const head = [
    `HTTP/1.1 ${failure.code} ${failure.reason}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  (socket as Socket).destroySoon();
}

function asApiError(error: unknown, log: Logger): ApiError {
  if (apiErrorReason(error) !== undefined) return error as ApiError;
  log.warn({ error: errorMessage(error) }, 'a session on this node failed');
  return new ApiError('InternalError', errorMessage(error));
}

export class Upgrades {
  readonly #parts: UpgradeParts;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageLimitBytes,
    handleProtocols: (offered) => (offered.has(nodeProtocol.name) ? nodeProtocol.name : false),
  });
  #open = 0;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  /** Answers one request for an upgrade. Never rejects; resolves when the session is over. */
  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined);
    try {
      await this.#parts.callers.check(request);
      const asked = this.#check(request);
      this.#open += 1;
      try {
        (socket as Socket).setKeepAlive(true, keepAliveMs);
        await this.#serve(asked, { request, socket, head });
      } finally {
        this.#open -= 1;
      }
    } catch (error) {
      answer(socket, asApiError(error, this.#parts.log));
    }
  }

  #check(request: IncomingMessage): SessionRequest {
    const { sessions } = this.#parts;
    const asked = sessionRequest(new URL(request.url ?? '/', 'https://node'));
    if (asked === undefined) throw new ApiError('NotFound', 'nothing is served here by upgrade');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      throw new ApiError('BadRequest', 'the request must ask for an upgrade to websocket');
    if (this.#open >= sessions)
      throw new ApiError('TooManyRequests', `${sessions} sessions are open on this node; please try again later`, {
        retryAfterSeconds: 1,
      });
    return asked;
  }

  async #serve(asked: SessionRequest, upgrade: Upgrade): Promise<void> {
    const node = nodeIn(this.#parts);
    if (asked.kind === 'port') {
      await this.#forward(await node.portForward(asked.pod, asked.port), upgrade);
      return;
    }
    const session = await open(node, asked);
    await this.#session(session, asked.options, upgrade);
  }

  async #forward(target: Duplex, upgrade: Upgrade): Promise<void> {
    const { env, idleTimeoutMs: idleMs, signal } = this.#parts;
    target.on('error', () => undefined);
    const accepted = await this.#accept(upgrade, (socket) =>
      servePort(socket, target, { timers: env.timers, idleMs, signal }),
    );
    if (!accepted) target.destroy();
  }

  async #session(
    session: ExecSession,
    { stdin, tty }: { readonly stdin: boolean; readonly tty: boolean },
    upgrade: Upgrade,
  ): Promise<void> {
    const { env, idleTimeoutMs: idleMs, signal } = this.#parts;
    const options = { stdin, stdout: true, stderr: !tty, tty, timers: env.timers, idleMs, signal };
    const accepted = await this.#accept(upgrade, (socket) =>
      serveSession(socket, session, { ...options, protocol: nodeProtocol }),
    );
    if (!accepted) session.kill();
  }

  /** False: the caller is gone, or its handshake is none. */
  async #accept({ request, socket, head }: Upgrade, use: (socket: WebSocket) => Promise<void>): Promise<boolean> {
    let work: Promise<void> | undefined;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      work = use(webSocket);
    });
    await work;
    return work !== undefined;
  }
}

function open(node: NodeEndpoint, asked: Exclude<SessionRequest, { kind: 'port' }>): Promise<ExecSession> {
  return asked.kind === 'exec' ? node.exec(asked.pod, asked.options) : node.attach(asked.pod, asked.options);
}
