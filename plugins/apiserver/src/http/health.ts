/** /healthz, /livez and /readyz, for callers without credentials. */
import type { Context } from 'koa';
import { errorMessage } from '@timonel/sdk';

export interface HealthCheck {
  readonly name: string;
  /** Throws when unhealthy. Checked for readiness only when `readiness` is set. */
  readonly check: () => Promise<void>;
  readonly readinessOnly: boolean;
}

export class Health {
  readonly #checks: readonly HealthCheck[];

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = checks;
  }

  /** What every check says at the moment. */
  async report(): Promise<{ readonly name: string; readonly problem?: string }[]> {
    const report: { name: string; problem?: string }[] = [];
    for (const { name, check } of this.#checks) {
      try {
        await check();
        report.push({ name });
      } catch (error) {
        report.push({ name, problem: errorMessage(error) });
      }
    }
    return report;
  }

  /** False: the path is another one. */
  async handle(ctx: Context): Promise<boolean> {
    const [, endpoint = '', only, ...rest] = ctx.path.split('/');
    if ((endpoint !== 'healthz' && endpoint !== 'livez' && endpoint !== 'readyz') || rest.length > 0) return false;
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return false;
    const checks = this.#checks.filter(
      ({ name, readinessOnly }) => (only === undefined || only === name) && (endpoint === 'readyz' || !readinessOnly),
    );
    if (only !== undefined && checks.length === 0) return false;
    const lines: string[] = [];
    let healthy = true;
    for (const { name, check } of checks) {
      try {
        await check();
        lines.push(`[+]${name} ok`);
      } catch {
        healthy = false;
        lines.push(`[-]${name} failed: reason withheld`);
      }
    }
    ctx.status = healthy ? 200 : 500;
    ctx.type = 'text/plain; charset=utf-8';
    const verbose = `${lines.join('\n')}\n${endpoint} check ${healthy ? 'passed' : 'failed'}\n`;
    ctx.body = healthy && !ctx.URL.searchParams.has('verbose') ? 'ok' : verbose;
    return true;
  }
}
