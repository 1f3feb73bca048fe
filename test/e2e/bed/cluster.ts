/** Servers, agents and kubectl on the machines of a bed. For conditions with a deadline see `until` of test/support. */
import { join } from 'node:path';
import { command, type RunResult } from '../../support/cluster.ts';
import { kubernetesTools } from '../../support/kubectl.ts';
import type { Bed } from './bed.ts';
import type { MachineProcess } from './machine-process.ts';
import type { Machine } from './machine.ts';

const apiPort = 6443;
/** A busy host is slow; a start that hangs is found all the same. */
const startTimeoutMs = 120_000;

export interface StartOptions {
  /** More arguments of the command. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** `timonel server` on a machine. */
export interface Master {
  readonly machine: Machine;
  readonly process: MachineProcess;
  readonly url: string;
  /** File for kubectl, on the host and on every machine. */
  readonly kubeconfig: string;
}

/** `timonel agent` on a machine. */
export interface Agent {
  readonly machine: Machine;
  readonly process: MachineProcess;
}

/** The `timonel` command on a machine, to its end. */
export function timonel(machine: Machine, args: readonly string[], timeoutMs = 60_000): Promise<RunResult> {
  return machine.exec(process.execPath, [command, ...args], { timeoutMs });
}

/** A join token, made on the master's machine. */
export async function joinToken({ machine }: Pick<Master, 'machine'>, role: 'server' | 'agent'): Promise<string> {
  const args = [command, 'token', 'create', '--role', role, '--data-dir', machine.dataDir];
  return (await machine.mustExec(process.execPath, args)).trim();
}

/**
 * Forms a cluster, or joins that of another master, or, on a machine that was a master before, starts it again (leave out `join`
 * then). Resolves when its API serves.
 */
export async function startMaster(
  machine: Machine,
  options: StartOptions & { readonly join?: Master } = {},
): Promise<Master> {
  const { join: other, args = [], env = {} } = options;
  const joining = other === undefined ? [] : ['--join', other.url];
  const token = other === undefined ? {} : { TIMONEL_JOIN_TOKEN: await joinToken(other, 'server') };
  const own = ['server', '--data-dir', machine.dataDir, '--name', machine.name, '--advertise', machine.address];
  const running = await machine.spawn(process.execPath, [command, ...own, ...joining, ...args], {
    env: { ...token, ...env },
  });
  await running.says(/^Server .* is Ready/m, startTimeoutMs);
  return {
    machine,
    process: running,
    url: `https://${machine.address}:${apiPort}`,
    kubeconfig: join(machine.dataDir, 'kubeconfig'),
  };
}

/** `timonel up` on a machine: control plane and node in one, reached from the others. Resolves when its API serves. */
export async function startWhole(machine: Machine, { args = [], env = {} }: StartOptions = {}): Promise<Master> {
  const own = ['up', '--data-dir', machine.dataDir, '--listen', `${machine.address}:${apiPort}`];
  const running = await machine.spawn(process.execPath, [command, ...own, ...args], { env });
  await running.says('API server:', startTimeoutMs);
  const url = `https://${machine.address}:${apiPort}`;
  return { machine, process: running, url, kubeconfig: join(machine.dataDir, 'kubeconfig') };
}

/**
 * Joins the cluster of the masters as a node named after the machine, or, on a machine that was one before, starts it again (leave
 * out `masters` then). Resolves when the agent runs, which is not yet that the node is Ready.
 */
export async function startAgent(
  machine: Machine,
  options: StartOptions & { readonly masters?: readonly Master[] } = {},
): Promise<Agent> {
  const { masters = [], args = [], env = {} } = options;
  const [first] = masters;
  const joining = first === undefined ? [] : ['--server', masters.map(({ url }) => url).join(',')];
  const token = first === undefined ? {} : { TIMONEL_JOIN_TOKEN: await joinToken(first, 'agent') };
  const own = ['agent', '--data-dir', machine.dataDir, '--node-name', machine.name, '--node-address', machine.address];
  const running = await machine.spawn(process.execPath, [command, ...own, ...joining, ...args], {
    env: { ...token, ...env },
  });
  await running.says(/^Agent of node /m, startTimeoutMs);
  return { machine, process: running };
}

/** Real kubectl on the client's machine, against this master, from wherever its kubeconfig is. */
export async function kubectl(
  bed: Bed,
  { kubeconfig, url }: Pick<Master, 'kubeconfig' | 'url'>,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<RunResult> {
  const tools = await kubernetesTools();
  // The kubeconfig names the address that a user on the master's machine takes.
  return bed.client.exec(tools.kubectl, ['--kubeconfig', kubeconfig, '--server', url, ...args], options);
}
