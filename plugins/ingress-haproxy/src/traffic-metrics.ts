/** Turns statistics of haproxy, which begin anew with each reload, into counters. */
import type { Instruments } from '@timonel/sdk';
import type { Engine } from './haproxy/engine.ts';
import type { ingressMetrics } from './metrics.ts';

const codes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export class TrafficMetrics {
  readonly #engine: Engine;
  readonly #instruments: Instruments<typeof ingressMetrics>;
  /** The last value of each column. */
  #before = new Map<string, number>();
  #reloads = 0;

  constructor(engine: Engine, instruments: Instruments<typeof ingressMetrics>) {
    this.#engine = engine;
    this.#instruments = instruments;
  }

  async read(): Promise<void> {
    const { reloads } = this.#engine.status;
    const rows = await this.#engine.statistics();
    if (reloads !== this.#reloads) this.#before = new Map();
    this.#instruments.reloads.of().add(reloads - this.#reloads);
    this.#reloads = reloads;
    const { requests, bytes, retries, connections } = this.#instruments;
    for (const row of rows) {
      const { pxname = '', svname, upstream = 'none' } = row;
      const grown = (column: string): number => this.#grown(`${pxname}/${column}`, Number(row[column] ?? 0));
      if (svname === 'FRONTEND') connections.of(pxname.replace('port-', '')).set(Number(row['scur'] ?? 0));
      if (svname !== 'BACKEND') continue;
      for (const code of codes) add(requests.of(upstream, code), grown(`hrsp_${code}`));
      add(bytes.of(upstream, 'in'), grown('bin'));
      add(bytes.of(upstream, 'out'), grown('bout'));
      add(retries.of(upstream), grown('wretr'));
    }
  }

  #grown(key: string, value: number): number {
    const before = this.#before.get(key) ?? 0;
    this.#before.set(key, value);
    return Math.max(0, value - before);
  }
}

function add(counter: { add(value?: number): void }, value: number): void {
  if (value > 0) counter.add(value);
}
