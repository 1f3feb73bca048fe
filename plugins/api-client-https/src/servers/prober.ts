/**
 * Asks the servers in use whether they are well. A TCP connection to a machine that vanished looks like one on which nothing
 * happens: only a question that is not answered tells them apart.
 */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { readBody } from '../transport/exchange.ts';
import { isTransportError } from '../transport/transport-error.ts';
import type { ServerSet } from './server-set.ts';
import type { Server } from './server.ts';

export interface ProberOptions {
  readonly servers: ServerSet;
  readonly env: Env;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** `unready`: it answers, but cannot serve (it has no majority). */
export type Health = 'ready' | 'unready' | 'unreachable';

interface Finding {
  readonly health: Health;
  readonly why: string;
  /** Another question would be answered the same. */
  readonly certain: boolean;
}

/** A busy server misses one now and then. */
const missesAllowed = 1;
const bodyLimitBytes = 64 * 1024;

export class Prober {
  readonly #options: ProberOptions;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = this.#options.env.timers.after(delayMs, () => {
      this.#running = this.#round().finally(() => this.#schedule(this.#options.intervalMs));
    });
  }

  async #round(): Promise<void> {
    const { servers } = this.#options;
    const inUse = servers.all().filter((server) => server === servers.current || server.watches > 0);
    await Promise.all(inUse.map((server) => this.#check(server)));
  }

  async #check(server: Server): Promise<void> {
    const { servers } = this.#options;
    for (;;) {
      const { health, why, certain } = await this.#ask(server);
      if (this.#closed) return;
      if (health === 'ready') {
        server.illProbes = 0;
        servers.succeeded(server);
        return;
      }
      server.illProbes += 1;
      if (health === 'unready') {
        if (server.illProbes > missesAllowed) await this.#leaveForBetter(server);
        return;
      }
      if (!certain && server.illProbes <= missesAllowed) continue;
      this.#giveUp(server, why);
      return;
    }
  }

  #giveUp(server: Server, why: string): void {
    const { servers, log } = this.#options;
    if (server.watches > 0) log.warn({ server: server.url.origin, error: why }, 'API server lost: using another');
    servers.failed(server);
    server.drop(`the server does not answer: ${why}`);
  }

  /** Serving old state is better than none: it is left only for one that can serve. */
  async #leaveForBetter(server: Server): Promise<void> {
    const { servers, log } = this.#options;
    for (const other of servers.all()) {
      if (other === server || !other.isDue) continue;
      if ((await this.#ask(other)).health !== 'ready') continue;
      if (this.#closed) return;
      log.warn({ server: server.url.origin, other: other.url.origin }, 'API server cannot serve: using another');
      server.failed();
      if (servers.current === server) servers.use(other);
      server.drop('the server is not ready');
      return;
    }
  }

  /** One that lives may still wait for its store, for longer than a probe waits. */
  async #ask(server: Server): Promise<Finding> {
    const [lives, isReady] = await Promise.all([this.#get(server, '/livez'), this.#get(server, '/readyz')]);
    if (lives.code === undefined) return { health: 'unreachable', why: lives.why, certain: lives.certain };
    return { health: isReady.code === 200 ? 'ready' : 'unready', why: isReady.why, certain: true };
  }

  async #get(server: Server, path: string): Promise<{ code: number | undefined; why: string; certain: boolean }> {
    const { env, timeoutMs } = this.#options;
    try {
      const response = await server.send('probe', { method: 'GET', path, headers: {} }, timeoutMs);
      await readBody(response, { timers: env.timers, timeoutMs, limitBytes: bodyLimitBytes });
      return { code: response.statusCode, why: `it answers ${response.statusCode ?? 0}`, certain: true };
    } catch (error) {
      const certain = isTransportError(error) && !error.timedOut && !error.stale;
      return { code: undefined, why: errorMessage(error), certain };
    }
  }
}
