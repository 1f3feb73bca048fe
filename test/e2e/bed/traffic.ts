/** Users of a service on a machine of the bed: many short requests. */
import { until } from '../../support/until.ts';
import type { MachineProcess } from './machine-process.ts';
import type { Machine } from './machine.ts';

export interface TrafficOptions {
  /** `host:port`, one of which each request takes. */
  readonly targets: readonly string[];
  /** Requests at a time. Default 4. */
  readonly workers?: number;
  /** Connections are used again; otherwise each request has its own. */
  readonly keepAlive?: boolean;
}

export interface TrafficCount {
  /** How often each answer came. */
  readonly answers: Readonly<Record<string, number>>;
  /** The reasons of the first failed requests. */
  readonly failures: readonly string[];
}

// Prints what came since the line before, ten times a second.
const askAgainAndAgain = `
const { targets, workers = 4, keepAlive = false } = JSON.parse(process.argv[1]);
const http = require('node:http');
const agent = new http.Agent({ keepAlive });
let count = { answers: {}, failures: [] };
const ask = (target) => new Promise((resolve, reject) => {
  const [host, port] = target.split(':');
  const call = http.request({ host, port, agent, timeout: 5000 }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk)).on('error', reject);
    response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))));
  });
  call.on('timeout', () => call.destroy(new Error('no answer'))).on('error', reject).end();
});
let turn = 0;
const work = async () => {
  for (;;) {
    const target = targets[turn++ % targets.length];
    await ask(target).then(
      (text) => (count.answers[text] = (count.answers[text] ?? 0) + 1),
      (error) => count.failures.length < 5 && count.failures.push(target + ' ' + error),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
for (let index = 0; index < workers; index++) void work();
setInterval(() => {
  console.log(JSON.stringify(count));
  count = { answers: {}, failures: [] };
}, 100);
`;

export class Traffic {
  readonly #process: MachineProcess;

  private constructor(process: MachineProcess) {
    this.#process = process;
  }

  static async start(machine: Machine, options: TrafficOptions): Promise<Traffic> {
    const args = ['-e', askAgainAndAgain, JSON.stringify(options)];
    const traffic = new Traffic(await machine.spawn(process.execPath, args));
    await traffic.goesOn(10);
    return traffic;
  }

  /** All so far. */
  get count(): TrafficCount {
    return sum(this.#lines());
  }

  /** Resolves with what came meanwhile when so many more answers, or a failure, have come. */
  async goesOn(answers: number): Promise<TrafficCount> {
    const skipped = this.#lines().length;
    const since = (): TrafficCount => sum(this.#lines().slice(skipped));
    await until(() => total(since()) >= answers || since().failures.length > 0, {
      what: () => `${answers} answers (${total(since())} came): ${this.#process.stderr}`,
      timeoutMs: 30_000,
    });
    return since();
  }

  /** Answers all that came. */
  async stop(): Promise<TrafficCount> {
    await this.#process.kill9();
    return this.count;
  }

  #lines(): TrafficCount[] {
    const lines = this.#process.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as TrafficCount);
  }
}

function total({ answers }: TrafficCount): number {
  return Object.values(answers).reduce((all, count) => all + count, 0);
}

function sum(counts: readonly TrafficCount[]): TrafficCount {
  const answers: Record<string, number> = {};
  for (const count of counts) {
    for (const [text, times] of Object.entries(count.answers)) answers[text] = (answers[text] ?? 0) + times;
  }
  return { answers, failures: counts.flatMap(({ failures }) => failures) };
}
