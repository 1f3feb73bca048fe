/** Nodes with the network plugins alone, and what their pods reach. */
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import type { MachineProcess } from './machine-process.ts';
import type { Machine } from './machine.ts';
import type { PodNodeCommand } from './pod-node.ts';

export const clusterCidr = '10.244.0.0/16';
const program = join(import.meta.dirname, 'pod-node.ts');
const tsx = ['--disable-warning=ExperimentalWarning', '--conditions', 'timonel-source', '--import', 'tsx'];

/** The network plugins of one node, running on its machine. */
export class PodNode {
  readonly machine: Machine;
  /** One, or one of each family. */
  readonly podCidrs: readonly string[];
  /** Of its machine, beside the one that every machine has. */
  readonly moreAddresses: readonly string[];
  /** Configuration of routes-auto at the next start. Without WireGuard, which not every machine has, unless it is asked for. */
  routing: Readonly<Record<string, unknown>> = { tunnelKind: 'vxlan' };
  #process: MachineProcess | undefined;

  constructor(machine: Machine, podCidrs: readonly string[], moreAddresses: readonly string[] = []) {
    this.machine = machine;
    this.podCidrs = podCidrs;
    this.moreAddresses = moreAddresses;
  }

  get name(): string {
    return this.machine.name;
  }

  async start(): Promise<void> {
    const { name, podCidrs, machine, routing } = this;
    const words = [name, podCidrs.join(), clusterCidr, machine.dataDir, JSON.stringify(routing)];
    const args = [...tsx, program, ...words];
    this.#process = await this.machine.spawn(process.execPath, args, {
      cwd: join(import.meta.dirname, '..', '..'),
      keepInput: true,
    });
    await this.#process.says('"ready"\n');
  }

  async tell(command: PodNodeCommand): Promise<string> {
    const running = this.#process;
    if (running === undefined) throw new Error(`${this.name} does not run`);
    const { length } = running.stdout;
    running.write(`${JSON.stringify(command)}\n`);
    await until(() => running.stdout.slice(length).includes('\n'), {
      what: () => `the answer of ${this.name} to ${JSON.stringify(command)}:\n${running.output}`,
    });
    const answer = JSON.parse(running.stdout.slice(length)) as string | { error: string };
    if (typeof answer !== 'string') throw new Error(`${this.name}: ${answer.error}\n${running.output}`);
    if (command.stop !== undefined) await running.ended;
    return answer;
  }

  /** Writes this node into the API of `teller`. */
  async announceTo(teller: PodNode, annotations: Readonly<Record<string, string>> = {}): Promise<void> {
    const addresses = [this.machine.address, ...this.moreAddresses];
    await teller.tell({ node: { name: this.name, podCIDRs: this.podCidrs, addresses, annotations } });
  }

  /** Of its own Node object in its own API. */
  async annotations(): Promise<Record<string, string>> {
    return JSON.parse(await this.tell({ annotationsOf: this.name })) as Record<string, string>;
  }

  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** A network namespace; answers the addresses that the plugin gave it, with blanks between. */
  async pod(name: string): Promise<string> {
    await this.machine.mustExec('ip', ['netns', 'add', name]);
    return this.tell({ attach: `/run/netns/${name}` });
  }

  async routes(): Promise<string[]> {
    const text = await this.machine.mustExec('ip', ['-4', 'route', 'show', 'proto', '84']);
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }
}

export async function inPod(node: PodNode, pod: string, command: string, args: readonly string[]): Promise<string> {
  return (await node.machine.exec('ip', ['netns', 'exec', pod, command, ...args])).stdout;
}

export async function pings(node: PodNode, pod: string, to: string, options: readonly string[] = []): Promise<boolean> {
  return (await inPod(node, pod, 'ping', ['-n', '-c', '1', '-W', '1', ...options, to])).includes('time=');
}

/** What a server at the address sees as its client. */
export async function seenAs(
  from: PodNode,
  fromPod: string | undefined,
  on: PodNode,
  onPod: string | undefined,
  to: string,
): Promise<string> {
  const serve = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(7000, '0.0.0.0', () => console.log('up'))`;
  const ask = `const s = require('net').connect(7000, '${to}'); s.setTimeout(3000, () => process.exit()); s.on('error', (e) => console.log(e.code)); s.pipe(process.stdout)`;
  const enter = (pod: string | undefined): string[] => (pod === undefined ? ['env'] : ['ip', 'netns', 'exec', pod]);
  const [first = '', ...rest] = enter(onPod);
  const server = await on.machine.spawn(first, [...rest, process.execPath, '-e', serve]);
  try {
    await server.says('up');
    const [program = '', ...args] = enter(fromPod);
    return (await from.machine.exec(program, [...args, process.execPath, '-e', ask])).stdout.trim();
  } finally {
    await server.kill9();
  }
}
