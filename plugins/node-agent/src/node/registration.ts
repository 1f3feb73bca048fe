/** Keeps the Node object and its Lease fresh. The API being away is not an error: it is tried again at the next beat. */
import { isDeepStrictEqual } from 'node:util';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isAlreadyExists, isNotFound, leases, namespaces, nodes, type Node } from '@timonel/sdk/kube';
import { transitionEvents } from './node-events.ts';
import { newNode, nodeLabels, nodeStatus, podRanges, withoutHeartbeat, type NodeState } from './node-object.ts';

export interface RegistrationOptions {
  readonly nodeName: string;
  readonly heartbeatIntervalMs: number;
  readonly statusIntervalMs: number;
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  /** About the Node. */
  event(reason: string, message: string): void;
  /** The Node object was read or written. */
  seen(): void;
  readState(): Promise<NodeState>;
}

const leaseNamespace = 'kube-node-lease';
const firstRetryMs = 200;

export class Registration {
  readonly #options: RegistrationOptions;
  #timer: TimerHandle | undefined;
  #beating: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #uid: string | undefined;
  #statusWrittenAt = Number.NEGATIVE_INFINITY;
  #retryMs = firstRetryMs;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Of the Node object, as it was seen last. */
  get nodeUid(): string | undefined {
    return this.#uid;
  }

  /** Beats now, and then at every interval. A call during a beat makes another one follow. */
  beat(): void {
    if (this.#closed) return;
    if (this.#beating !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#beating = this.#beat().finally(() => {
      this.#beating = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.beat();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const { heartbeatIntervalMs, env, log } = this.#options;
    let delayMs = heartbeatIntervalMs;
    try {
      await this.#writeNode();
      await this.#renewLease();
      this.#retryMs = firstRetryMs;
    } catch (error) {
      log.debug({ error: errorMessage(error) }, 'node not reported, will retry');
      delayMs = Math.min(this.#retryMs, heartbeatIntervalMs);
      this.#retryMs *= 2;
    }
    if (!this.#closed) this.#timer = env.timers.after(delayMs, () => this.beat());
  }

  async #writeNode(): Promise<void> {
    const { api, env, nodeName, statusIntervalMs } = this.#options;
    const state = await this.#options.readState();
    const node = await this.#present(state);
    if (this.#uid !== node.metadata.uid) {
      this.#uid = node.metadata.uid;
      this.#options.seen();
    }
    const status = nodeStatus(state, node.status, env.clock.timestamp());
    const changed = !isDeepStrictEqual(withoutHeartbeat(status), withoutHeartbeat(node.status));
    if (!changed && env.clock.monotonic() - this.#statusWrittenAt < statusIntervalMs) return;
    // Without the resourceVersion: the status is this node's alone.
    const { resourceVersion: _ignored, ...metadata } = node.metadata;
    await api.updateStatus(nodes, { ...node, metadata, status }, { fieldManager: 'node-agent' });
    for (const reason of transitionEvents(node.status, status)) {
      this.#options.event(reason, `Node ${nodeName} status is now: ${reason}`);
    }
    this.#statusWrittenAt = env.clock.monotonic();
    this.#options.log.debug({ node: nodeName }, 'node status written');
  }

  /** The Node object, made or mended when needed. */
  async #present(state: NodeState): Promise<Node> {
    const { api, nodeName } = this.#options;
    let node: Node;
    try {
      node = await api.get(nodes, { name: nodeName });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#statusWrittenAt = Number.NEGATIVE_INFINITY;
      return api.create(nodes, newNode(state), { fieldManager: 'node-agent' });
    }
    const wanted = nodeLabels(state);
    const missing = Object.entries(wanted).filter(([key, value]) => node.metadata.labels?.[key] !== value);
    const [podCidr] = state.podCidrs;
    const lacksRange = podCidr !== undefined && node.spec.podCIDR !== podCidr;
    if (missing.length === 0 && !lacksRange) return node;
    const body = {
      metadata: { labels: Object.fromEntries(missing) },
      ...(lacksRange ? { spec: podRanges(state) } : {}),
    };
    return api.patch(nodes, { name: nodeName }, { type: 'merge', body }, { fieldManager: 'node-agent' });
  }

  async #renewLease(): Promise<void> {
    const { api, env, nodeName, heartbeatIntervalMs } = this.#options;
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: Math.max(1, Math.ceil((heartbeatIntervalMs * 4) / 1000)),
      renewTime: env.clock.microTimestamp(),
    };
    const name = { namespace: leaseNamespace, name: nodeName };
    // It goes with the Node.
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: this.#uid ?? '' };
    const ownerReferences = [owner];
    try {
      const body = { metadata: { ownerReferences }, spec };
      await api.patch(leases, name, { type: 'merge', body }, { fieldManager: 'node-agent' });
      return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await this.#ensureNamespace();
    const metadata = { ...name, ownerReferences };
    await api.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }

  async #ensureNamespace(): Promise<void> {
    const { api } = this.#options;
    try {
      await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: leaseNamespace } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
