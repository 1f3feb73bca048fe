/** Users of the API on the client's machine, whose history is judged afterwards. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import { checkLinearizability, type Verdict } from '../../simulation/checkers/linearizability.ts';
import type { SimRandom } from '../../simulation/parts/random.ts';
import type { HistoryEntry } from '../../simulation/workload/history.ts';
import type { Bed } from './bed.ts';
import type { Master } from './cluster.ts';
import type { MachineProcess } from './machine-process.ts';

const program = join(import.meta.dirname, 'load-client.ts');
const tsx = ['--disable-warning=ExperimentalWarning', '--conditions', 'timonel-source', '--import', 'tsx'];
/** A busy host, and masters that have to find each other. */
const patienceMs = 90_000;

export class Load {
  readonly #process: MachineProcess;
  readonly #file: string;
  readonly #random: SimRandom;

  private constructor(process: MachineProcess, file: string, random: SimRandom) {
    this.#process = process;
    this.#file = file;
    this.#random = random;
  }

  static async start(bed: Bed, masters: readonly Master[], random: SimRandom, users = 6): Promise<Load> {
    const file = join(bed.client.home, 'history.json');
    const [{ kubeconfig } = { kubeconfig: '' }] = masters;
    const args = [kubeconfig, file, String(random.uint32()), String(users), ...masters.map(({ url }) => url)];
    const running = await bed.client.spawn(process.execPath, [...tsx, program, ...args], {
      cwd: join(import.meta.dirname, '..', '..'),
      keepInput: true,
    });
    const load = new Load(running, file, random);
    await load.goesOn('after the start');
    return load;
  }

  /** Writes that were acknowledged so far. */
  get acknowledged(): number {
    const told = this.#process.stdout.slice(-200).matchAll(/^acknowledged (\d+)$/gm);
    return Number([...told].at(-1)?.[1] ?? 0);
  }

  /** Resolves when so many more writes have been acknowledged. */
  async goesOn(when: string, writes = 20): Promise<void> {
    const before = this.acknowledged;
    await until(() => this.acknowledged >= before + writes, {
      what: () => `${writes} writes ${when} (${this.acknowledged - before} came): ${this.#process.stderr}`,
      timeoutMs: patienceMs,
    });
  }

  /** A moment under load that the seed chooses. */
  someMoment(): Promise<void> {
    return this.goesOn('before the fault', 1 + this.#random.int(20));
  }

  /** Ends the load and answers what the users asked and were told. */
  async finish(): Promise<readonly HistoryEntry[]> {
    this.#process.write('finish\n');
    await this.#process.says(/^finished after/m, patienceMs);
    return JSON.parse(readFileSync(this.#file, 'utf8')) as HistoryEntry[];
  }
}

/** Whether one copy of the data could have given these answers, in an order that keeps real time. */
export function judge(history: readonly HistoryEntry[]): Verdict {
  const seen = new Map(
    history.flatMap(({ returned }) => returned?.answer.kvs.map((kv) => [kv.value, kv.modRevision] as const) ?? []),
  );
  const guess = ({ operation }: HistoryEntry): number | undefined =>
    operation.type === 'compareAndPut' ? seen.get(operation.value) : undefined;
  return checkLinearizability(history, { guess });
}

/** Names of the ConfigMaps that were created once, acknowledged, and never touched again. */
export function createdOnce(history: readonly HistoryEntry[]): string[] {
  return history.flatMap(({ operation, returned }) =>
    operation.type === 'compareAndPut' && operation.key.startsWith('once-') && returned !== undefined
      ? [operation.key]
      : [],
  );
}
