/** Nodes in name only: objects, their leases when wanted, and which of them are cut off. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isAlreadyExists, isNotFound, leases, nodes, type Node } from '@timonel/sdk/kube';

const leaseNamespace = 'kube-node-lease';
const room = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '1000' };

export class FakeNodes {
  readonly #api: ApiClient;
  readonly #env: Env;
  readonly #cut = new Set<string>();
  readonly #names = new Set<string>();
  readonly #stop = new AbortController();
  /** Called when a node has got a kubelet (again). */
  onServed: (() => void) | undefined;
  #beating: Promise<void> | undefined;

  constructor(api: ApiClient, env: Env) {
    this.#api = api;
    this.#env = env;
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  /** Whether a kubelet works for this node. */
  isServed(name: string): boolean {
    return this.#names.has(name) && !this.#cut.has(name);
  }

  async add(name: string, more: Partial<Node> = {}): Promise<Node> {
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...more.metadata?.labels };
    const made = await this.#api.create(nodes, { spec: {}, ...more, metadata: { ...more.metadata, name, labels } });
    this.#names.add(name);
    const ready = await this.#writeStatus(made, more.status);
    this.onServed?.();
    return ready;
  }

  async remove(name: string): Promise<void> {
    this.#names.delete(name);
    await this.#api.delete(nodes, { name });
  }

  /** As if its machine had died: neither pods nor lease are written any more. */
  cut(name: string): void {
    this.#cut.add(name);
  }

  async join(name: string): Promise<void> {
    this.#cut.delete(name);
    await this.#writeStatus(await this.#api.get(nodes, { name }));
    this.onServed?.();
  }

  /** Renews the leases of all nodes that are not cut off, at once and then every `periodMs`. */
  beat(periodMs: number): void {
    this.#beating ??= (async () => {
      const { signal } = this.#stop;
      while (!signal.aborted) {
        const alive = [...this.#names].filter((name) => !this.#cut.has(name));
        await Promise.all(alive.map((name) => this.#showLife(name, periodMs).catch(() => undefined)));
        await this.#env.timers.sleep(periodMs, signal).catch(() => undefined);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#beating;
  }

  async #writeStatus(node: Node, more: Node['status'] = {}): Promise<Node> {
    const now = this.#env.clock.timestamp();
    const times = { lastHeartbeatTime: now, lastTransitionTime: now };
    const ready = { type: 'Ready', status: 'True' as const, reason: 'KubeletReady', message: 'ready', ...times };
    const { name = '' } = node.metadata;
    const addresses = [{ type: 'Hostname', address: name }];
    const status = { capacity: room, allocatable: room, addresses, conditions: [ready], ...node.status, ...more };
    return this.#api.updateStatus(nodes, { ...node, status: { ...status, conditions: more.conditions ?? [ready] } });
  }

  /** A node that is said not to be ready says that it is. */
  async #showLife(name: string, periodMs: number): Promise<void> {
    await this.#renew(name, periodMs);
    const node = await this.#api.get(nodes, { name });
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    if (ready === 'Unknown') await this.#writeStatus(node);
  }

  async #renew(name: string, periodMs: number): Promise<void> {
    const at = { namespace: leaseNamespace, name };
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: Math.max(1, Math.ceil((periodMs * 4) / 1000)),
      renewTime: this.#env.clock.microTimestamp(),
    };
    try {
      await this.#api.patch(leases, at, { type: 'merge', body: { spec } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.#api.create(leases, { metadata: at, spec }).catch((refused: unknown) => {
        if (!isAlreadyExists(refused)) throw refused;
      });
    }
  }
}
