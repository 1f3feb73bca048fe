import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import { listenTcp } from './server/tcp-server.ts';
import { listenUdp, type BoundServer, type ServerOptions } from './server/udp-server.ts';

export interface ListenersOptions extends ServerOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly address: () => Promise<string>;
  readonly port: number;
  readonly signal: AbortSignal;
}

const retryMs = 500;
const retryLimitMs = 10_000;
/** Datagrams that the kernel has for this process get so long to be read. */
const lastQueriesMs = 50;

/** The sockets of the server, opened again and again until the address and the port are there. */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #open: BoundServer[] = [];
  #address: string | undefined;
  #lastError: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Where it answers: as soon as datagrams are. */
  get address(): string | undefined {
    return this.#open.length > 0 ? this.#address : undefined;
  }

  get port(): number | undefined {
    return this.#open[0]?.port;
  }

  get sockets(): readonly string[] {
    return this.#open.map(({ port }, index) => `${this.#address}:${port}/${index === 0 ? 'udp' : 'tcp'}`);
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Resolves after the first try; goes on trying. */
  async start(): Promise<void> {
    if (!(await this.#try())) this.#running = this.#keepTrying();
  }

  /** What has arrived already is answered. */
  async stop(): Promise<void> {
    await this.#running;
    await this.#options.env.timers.sleep(lastQueriesMs);
    for (const server of this.#open.splice(0)) server.close();
  }

  async #keepTrying(): Promise<void> {
    const { env, signal } = this.#options;
    for (let waitMs = retryMs; !signal.aborted; waitMs = Math.min(waitMs * 2, retryLimitMs)) {
      await env.timers.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted || (await this.#try())) return;
    }
  }

  async #try(): Promise<boolean> {
    const { log, port } = this.#options;
    try {
      this.#address ??= await this.#options.address();
      const wanted = this.#open[0]?.port ?? port;
      if (this.#open.length === 0) this.#open.push(await listenUdp(this.#address, wanted, this.#options));
      this.#open.push(await listenTcp(this.#address, this.#open[0]?.port ?? wanted, this.#options));
      this.#lastError = undefined;
      log.info({ address: this.#address, port: this.port }, 'DNS for pods is answered');
      return true;
    } catch (error) {
      const text = `cannot listen on ${this.#address ?? 'the address of the node'} port ${port}: ${reasonOf(error)}`;
      if (text !== this.#lastError) log.warn({}, text);
      this.#lastError = text;
      return false;
    }
  }
}

function reasonOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return 'another program has it; end that program, or set `address` of this plugin';
    case 'EACCES':
      return 'ports below 1024 need root, or CAP_NET_BIND_SERVICE';
    default:
      return errorMessage(error);
  }
}
