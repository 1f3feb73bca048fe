/** Users of a service on a machine of the bed: many short requests, or one long download. */
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

// 160 kB/s until somebody asks for /end; the last line says how many bytes there were.
const slowServer = `
let ended = false;
require('node:http')
  .createServer(async (request, response) => {
    if (request.url === '/end') ended = true;
    if (request.url !== '/long') return response.end('slow');
    let bytes = 0;
    const chunk = Buffer.alloc(8000, 'x');
    for (; !ended; await new Promise((resolve) => setTimeout(resolve, 50))) {
      response.write(chunk);
      bytes += chunk.length;
    }
    response.end('\\n' + bytes);
  })
  .listen(8080, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`;

/** A pod of a server that answers, and that sends without end at `/long`. */
export function slowPod(nodeName?: string): object {
  const container = {
    name: 'server',
    image: 'timonel.local/node:host',
    command: ['node', '-e', slowServer],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  };
  const metadata = { name: 'slow', labels: { app: 'slow' } };
  const spec = { nodeName, terminationGracePeriodSeconds: 1, containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

const download = `
let bytes = 0;
let end = '';
require('node:http')
  .get(process.argv[1], (response) => {
    setInterval(() => console.log('bytes ' + bytes), 100);
    response.on('data', (chunk) => {
      bytes += chunk.length;
      end = (end + chunk).slice(-40);
    });
    response.on('end', () => {
      const [, told] = end.split('\\n');
      console.log(Number(told) === bytes - told.length - 1 ? 'whole' : 'torn');
      process.exit();
    });
    response.on('error', (error) => console.log('broken ' + error.message));
  })
  .on('error', (error) => console.log('refused ' + error.message));
`;

/** One connection to a {@link slowPod}. */
export class Download {
  readonly #machine: Machine;
  readonly #process: MachineProcess;
  readonly #target: string;

  private constructor(machine: Machine, process: MachineProcess, target: string) {
    this.#machine = machine;
    this.#process = process;
    this.#target = target;
  }

  /** `target`: `host:port`. */
  static async start(machine: Machine, target: string): Promise<Download> {
    const running = await machine.spawn(process.execPath, ['-e', download, `http://${target}/long`]);
    const started = new Download(machine, running, target);
    await started.goesOn();
    return started;
  }

  get #bytes(): number {
    const told = this.#process.stdout.slice(-200).matchAll(/^bytes (\d+)$/gm);
    return Number([...told].at(-1)?.[1] ?? 0);
  }

  /** Resolves when more has come than what may have been on its way. */
  async goesOn(): Promise<void> {
    const before = this.#bytes;
    await until(() => this.#bytes > before + 100_000, {
      what: () => `more of the download: ${this.#process.output.slice(-300)}`,
    });
  }

  /** Lets the server end it, and resolves when all that it sent has come. */
  async finish(): Promise<void> {
    const script = `fetch(process.argv[1]).then(() => undefined)`;
    await this.#machine.mustExec(process.execPath, ['-e', script, `http://${this.#target}/end`]);
    await this.#process.says(/^whole$/m, 10_000);
  }
}
