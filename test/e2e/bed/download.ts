/** One long download that must neither break nor be torn: who sends, and who receives and looks at every byte. */
import { until } from '../../support/until.ts';
import type { Machine } from './machine.ts';

// 80 kB/s until somebody asks for /end: lines that count. The last one says how many there were.
const slowServer = `
let ended = false;
require('node:http')
  .createServer(async (request, response) => {
    if (request.url === '/end') ended = true;
    if (request.url !== '/long') return response.end('slow');
    let line = 0;
    for (; !ended; await new Promise((resolve) => setTimeout(resolve, 100))) {
      const until = line + 1000;
      let text = '';
      for (; line < until; line++) text += String(line).padStart(7, '0') + '\\n';
      response.write(text);
    }
    response.end('lines ' + line + '\\n');
  })
  .listen(8080, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`;

function podOf(name: string, nodeName: string | undefined, command: readonly string[], more: object = {}): object {
  const container = { name, image: 'timonel.local/node:host', command, ...more };
  const spec = { nodeName, terminationGracePeriodSeconds: 1, restartPolicy: 'Never', containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec };
}

/** A pod of a server that answers, and that sends without end at `/long`. */
export function slowPod(nodeName?: string): object {
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  return podOf('slow', nodeName, ['node', '-e', slowServer], { readinessProbe });
}

// One request that is answered, never repeated: until then there may be nobody yet. Says how far it is each 200 ms, and at its end whether each line was the one that had to come.
const download = `
let [line, rest, end, wrong] = [0, '', '', ''];
let began = 0;
const take = (chunk) => {
  const lines = (rest + chunk).split('\\n');
  rest = lines.pop();
  for (const text of lines) {
    if (text.startsWith('lines ')) end = text;
    else if (text !== String(line++).padStart(7, '0') && wrong === '') wrong = 'line ' + (line - 1) + ' is ' + text;
  }
};
const ask = () => require('node:http')
  .get('http://' + process.argv[1] + '/long', (response) => {
    began = Date.now();
    setInterval(() => console.log('lines ' + line + ' seconds ' + (Date.now() - began) / 1000), 200);
    response.setEncoding('latin1').on('data', take);
    response.on('end', () => {
      console.log(wrong !== '' ? 'torn ' + wrong : end === 'lines ' + line && rest === '' ? 'whole' : 'torn at its end');
      process.exit();
    });
    response.on('error', (error) => console.log('broken ' + error.message));
  })
  .on('error', (error) => (began === 0 ? setTimeout(ask, 100) : console.log('broken ' + error.message)));
ask();
`;

/** A pod that downloads from `target`, `host:port`. */
export function downloadPod(name: string, nodeName: string, target: string): object {
  return podOf(name, nodeName, ['node', '-e', download, target]);
}

/** One connection to a {@link slowPod}. */
export class Download {
  readonly #output: () => Promise<string>;

  private constructor(output: () => Promise<string>) {
    this.#output = output;
  }

  /** By a process of the machine. `target`: `host:port`. */
  static async start(machine: Machine, target: string): Promise<Download> {
    const running = await machine.spawn(process.execPath, ['-e', download, target]);
    return Download.of(() => Promise.resolve(running.output));
  }

  /** That of a {@link downloadPod}, whose output this is. */
  static async of(output: () => Promise<string>): Promise<Download> {
    const started = new Download(output);
    await started.#until('a download to begin', ({ lines }) => lines > 0, 60_000);
    return started;
  }

  /** Resolves when more has come than what may have been on its way. */
  async goesOn(): Promise<void> {
    const before = (await this.#progress()).lines;
    await this.#until('more of the download', ({ lines }) => lines > before + 10_000);
  }

  async hasLasted(seconds: number): Promise<void> {
    await this.#until(`a download of ${seconds} s`, (now) => now.seconds >= seconds, seconds * 1000 + 10_000);
  }

  /** Resolves when all that the server sent has come: see {@link Download.end}. */
  async isWhole(): Promise<void> {
    await this.#until('the end of the download', (now) => now.isWhole);
  }

  /** Lets the server end all downloads from it. */
  static async end(machine: Machine, target: string): Promise<void> {
    const script = `fetch('http://' + process.argv[1] + '/end').then(() => process.exit())`;
    await machine.mustExec(process.execPath, ['-e', script, target]);
  }

  async #until(what: string, holds: (now: Progress) => boolean, timeoutMs = 20_000): Promise<void> {
    let last = '';
    const holdsNow = async (): Promise<boolean> => {
      const now = await this.#progress();
      last = now.last;
      if (now.hasFailed) throw new Error(`the download failed: ${last}`);
      return holds(now);
    };
    await until(holdsNow, { what: () => `${what}: ${last}`, timeoutMs, intervalMs: 100, abortOnThrow: true });
  }

  async #progress(): Promise<Progress> {
    const output = await this.#output();
    const last = output.slice(-200);
    const [, lines, seconds] = [...last.matchAll(/^lines (\d+) seconds ([\d.]+)$/gm)].at(-1) ?? [];
    return {
      lines: Number(lines ?? 0),
      seconds: Number(seconds ?? 0),
      isWhole: /^whole$/m.test(last),
      hasFailed: /^(broken|torn) /m.test(output),
      last,
    };
  }
}

interface Progress {
  readonly lines: number;
  readonly seconds: number;
  readonly isWhole: boolean;
  readonly hasFailed: boolean;
  readonly last: string;
}
