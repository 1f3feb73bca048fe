/**
 * /healthz, /livez and /readyz. The whole is for everybody, without reasons; one check alone (`/readyz/NAME`) says what is wrong and
 * is for callers with credentials. Texts are those of kube-apiserver.
 */
import type { Context } from 'koa';
import { errorMessage, type Env, type Logger, type Many } from '@timonel/sdk';
import type { HealthCheck, HealthSource } from '@timonel/sdk/contracts/health';

export interface HealthParts {
  /** Checks of the server itself: they come first. */
  readonly checks: readonly HealthCheck[];
  readonly sources: Many<HealthSource>;
  readonly env: Env;
  readonly log: Logger;
}

/** What a check said. `problem`: absent when all is well. */
export interface HealthResult {
  readonly name: string;
  readonly problem?: string;
}

const checkTimeoutMs = 2000;
const mostExclusions = 100;
const pathPattern = /^\/(healthz|livez|readyz)(?:\/(.{0,200}))?$/;

function plainText(ctx: Context, status: number, text: string): void {
  ctx.status = status;
  ctx.set('content-type', 'text/plain; charset=utf-8');
  ctx.set('x-content-type-options', 'nosniff');
  ctx.set('cache-control', 'no-cache, private');
  ctx.body = text;
}

export class Health {
  readonly #parts: HealthParts;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** What every check says at the moment. */
  report(): Promise<HealthResult[]> {
    return Promise.all(this.#checksOf('readyz').map((check) => this.#run(check)));
  }

  /** The whole, for everybody. False: the path is another one. */
  async handle(ctx: Context): Promise<boolean> {
    const [, endpoint, only] = pathPattern.exec(ctx.path) ?? [];
    if (endpoint === undefined || (only ?? '') !== '') return false;
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return false;
    await this.#sendAll(ctx, endpoint);
    return true;
  }

  /** One check alone. False: the path is another one, or there is no such check. */
  async handleOne(ctx: Context): Promise<boolean> {
    const [, endpoint = '', only = ''] = pathPattern.exec(ctx.path) ?? [];
    if (only === '' || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return false;
    const check = this.#checksOf(endpoint).find(({ name }) => name === only);
    if (check === undefined) return false;
    const { problem } = await this.#run(check);
    if (problem === undefined) plainText(ctx, 200, 'ok');
    else plainText(ctx, 500, `internal server error: ${problem}\n`);
    return true;
  }

  async #sendAll(ctx: Context, endpoint: string): Promise<void> {
    const { searchParams } = ctx.URL;
    const excluded = new Set(searchParams.getAll('exclude').slice(0, mostExclusions));
    const checks = this.#checksOf(endpoint);
    const lines = await Promise.all(
      checks.map(async (check) => {
        if (excluded.has(check.name)) return { line: `[+]${check.name} excluded: ok`, failed: false };
        const { problem } = await this.#run(check);
        if (problem === undefined) return { line: `[+]${check.name} ok`, failed: false };
        this.#parts.log.debug({ check: check.name, endpoint, problem }, 'a health check failed');
        return { line: `[-]${check.name} failed: reason withheld`, failed: true };
      }),
    );
    const failed = lines.some((one) => one.failed);
    const text = lines.map(({ line }) => `${line}\n`);
    const unknown = [...excluded].filter((name) => checks.every((check) => check.name !== name));
    if (unknown.length > 0) {
      const names = unknown.map((name) => JSON.stringify(name)).join(', ');
      text.push(`warn: some health checks cannot be excluded: no matches for ${names}\n`);
    }
    if (failed) plainText(ctx, 500, `${text.join('')}${endpoint} check failed\n`);
    else if (searchParams.has('verbose')) plainText(ctx, 200, `${text.join('')}${endpoint} check passed\n`);
    else plainText(ctx, 200, 'ok');
  }

  #checksOf(endpoint: string): HealthCheck[] {
    const { checks, sources } = this.#parts;
    const all = [...checks, ...sources.all().flatMap(({ service }) => service.checks())];
    const names = new Set<string>();
    return all.filter(({ name, kind }) => {
      if (names.has(name) || (kind === 'ready' && endpoint !== 'readyz')) return false;
      names.add(name);
      return true;
    });
  }

  async #run(check: HealthCheck): Promise<HealthResult> {
    const { name } = check;
    const cut = new AbortController();
    const { timers } = this.#parts.env;
    try {
      const late = timers.sleep(checkTimeoutMs, cut.signal).then(() => Promise.reject(new Error('timed out')));
      late.catch(() => undefined);
      await Promise.race([check.check(), late]);
      return { name };
    } catch (error) {
      return { name, problem: errorMessage(error) };
    } finally {
      cut.abort();
    }
  }
}
