/** What a runtime and a network hold of one pod, with faults on demand, and with complaints when something is asked for that makes no sense. */
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type {
  ContainerConfig,
  ContainerRuntime,
  ContainerStatus,
  SandboxConfig,
  SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { running, sandbox } from '../../plan/testing.ts';

/** Calls that change something. */
export const changingCalls = [
  ...(['runSandbox', 'removeSandbox', 'attach', 'detach'] as const),
  ...(['createContainer', 'startContainer', 'stopContainer', 'removeContainer'] as const),
];
export type ChangingCall = (typeof changingCalls)[number];

export class OnePodMachine {
  readonly sandboxes = new Map<string, SandboxStatus>();
  readonly containers = new Map<string, ContainerStatus>();
  readonly attached = new Set<string>();
  /** All calls so far that changed something, or would have. */
  readonly calls: string[] = [];
  readonly complaints: string[] = [];
  /** Starts and ends by the container's name. */
  readonly starts = new Map<string, number>();
  readonly ends = new Map<string, number>();
  readonly #failing = new Set<ChangingCall>();
  /** Ends that were seen. */
  readonly #seen = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The next such call fails. */
  fail(call: ChangingCall): void {
    this.#failing.add(call);
  }

  heal(): void {
    this.#failing.clear();
  }

  latest(name: string): ContainerStatus | undefined {
    const tries = [...this.containers.values()].filter((each) => each.name === name);
    return tries.toSorted((one, other) => other.attempt - one.attempt)[0];
  }

  end(id: string, exitCode: number): void {
    const status = this.containers.get(id);
    if (status === undefined || status.state === 'exited') return;
    this.containers.set(id, { ...status, state: 'exited', exitCode, finishedAt: this.#now(), pid: undefined });
    if (status.state === 'running') count(this.ends, status.name);
  }

  /** It has ended, and nobody has looked since. */
  isNews(id: string): boolean {
    if (this.containers.get(id)?.state !== 'exited' || this.#seen.has(id)) return false;
    this.#seen.add(id);
    return true;
  }

  /** As when its holder is killed: all in it end. */
  loseSandboxes(): void {
    for (const [id, status] of this.sandboxes) {
      this.sandboxes.set(id, { ...status, state: 'notready' });
      this.#endAllIn(id);
    }
  }

  /** As when the machine starts again. */
  lose(): void {
    for (const id of this.sandboxes.keys()) this.#endAllIn(id);
    this.sandboxes.clear();
    this.containers.clear();
    this.attached.clear();
  }

  runtime(): Partial<ContainerRuntime> {
    return {
      info: async () => ({ name: 'x', version: '1', isolation: 'full', ready: true, reason: '' }),
      runSandbox: (config) => this.#call('runSandbox', config.id, () => this.#runSandbox(config)),
      stopSandbox: async () => undefined,
      removeSandbox: (id) =>
        this.#call('removeSandbox', id, () => {
          this.#endAllIn(id);
          for (const each of this.containers.values()) if (each.sandboxId === id) this.containers.delete(each.id);
          this.sandboxes.delete(id);
        }),
      createContainer: (config) => this.#call('createContainer', config.id, () => this.#create(config)),
      startContainer: (id) => this.#call('startContainer', id, () => this.#start(id)),
      stopContainer: (id) => this.#call('stopContainer', id, () => this.end(id, 0)),
      removeContainer: (id) => this.#call('removeContainer', id, () => void this.containers.delete(id)),
      containerStatus: async (id) => this.containers.get(id),
    };
  }

  network(): Partial<PodNetwork> {
    const { attached } = this;
    return {
      attach: ({ sandboxId }) =>
        this.#call('attach', sandboxId, () => {
          attached.add(sandboxId);
          return { sandboxId, addresses: ['10.1.0.2'], interfaceName: 'eth0', gateway: undefined };
        }),
      detach: (id) => this.#call('detach', id, () => void attached.delete(id)),
    };
  }

  async #call<T>(call: ChangingCall, id: string, work: () => T): Promise<T> {
    this.calls.push(`${call} ${id}`);
    if (this.#failing.delete(call)) throw new Error(`${call} fails`);
    return work();
  }

  #runSandbox({ id, labels }: SandboxConfig): SandboxStatus {
    if (this.sandboxes.has(id)) this.complaints.push(`sandbox ${id} is there already`);
    if ([...this.sandboxes.values()].some(({ state }) => state === 'ready'))
      this.complaints.push(`${id} is a second sandbox`);
    const status = sandbox({ id, labels, createdAt: this.#now() });
    this.sandboxes.set(id, status);
    return status;
  }

  #create({ id, name, sandboxId, attempt, labels }: ContainerConfig): ContainerStatus {
    if (this.containers.has(id)) this.complaints.push(`container ${id} is there already`);
    if (this.latest(name)?.state === 'running') this.complaints.push(`${name} runs already`);
    if (!this.attached.has(sandboxId)) this.complaints.push(`${name} has no network`);
    const status = running(name, attempt, { id, sandboxId, labels, state: 'created', pid: undefined });
    this.containers.set(id, status);
    return status;
  }

  #start(id: string): void {
    const status = this.containers.get(id);
    if (status?.state !== 'created') throw new Error(`container ${id} cannot be started`);
    if (this.sandboxes.get(status.sandboxId)?.state !== 'ready') throw new Error('the sandbox is gone');
    this.containers.set(id, { ...status, state: 'running', pid: 1, startedAt: this.#now() });
    count(this.starts, status.name);
  }

  #endAllIn(sandboxId: string): void {
    for (const { id, sandboxId: own } of this.containers.values()) if (own === sandboxId) this.end(id, 137);
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
