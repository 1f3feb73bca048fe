import { errorMessage, type Env } from '@timonel/sdk';
import { policyPod, type NetworkPolicyStatus, type PolicyCluster } from '@timonel/sdk/contracts/network-policy';
import type { TableHealth } from '@timonel/sdk/controller';
import type { Pod } from '@timonel/sdk/kube';
import { policyPartOf, type Admitted, type AdmittedFile } from './admitted-file.ts';
import type { ClusterView } from './cluster-view.ts';
import { policyContent } from './table/content.ts';
import type { PolicyTable } from './table/policy-table.ts';

export interface EnforcerOptions {
  readonly env: Env;
  readonly health: Pick<TableHealth, 'failed' | 'succeeded'>;
  readonly view: Pick<ClusterView, 'cluster' | 'pod' | 'versions'>;
  readonly table: Pick<PolicyTable, 'apply'>;
  readonly file: Pick<AdmittedFile, 'load' | 'save'>;
  readonly nodeName: string;
  readonly minIntervalMs: number;
  readonly signal: AbortSignal;
}

const retryBaseMs = 100;
const retryLimitMs = 10_000;
/** A pod whose policies are not known after so long is not started; the agent tries again. */
const knownWithinMs = 5000;
/** A start that waits longer for the API goes on without it. */
const startPatienceMs = 3000;
const lookAgainMs = 50;

/** Keeps the table equal to the policies, one change after the other; what comes meanwhile is joined into the next. */
export class Enforcer {
  readonly #options: EnforcerOptions;
  /** Pods that have an address which the API does not show yet, by uid. */
  readonly #admitted = new Map<string, Admitted>();
  /** Addresses of the pods of this node that the table is right for, by uid. */
  #inForce: ReadonlyMap<string, string> = new Map();
  #dirty = false;
  #running: Promise<void> | undefined;
  #failures = 0;
  #waiting: ((error: string | undefined) => void)[] = [];
  #isolatedPods = 0;
  #policies = 0;
  #lastSyncAt = 0;
  /** Versions of the API that are in force. */
  #versions: Readonly<Record<string, string>> = {};
  #isApplying = false;
  #lastError: string | undefined;

  constructor(options: EnforcerOptions) {
    this.#options = options;
  }

  touch(): void {
    this.#dirty = true;
    this.#running ??= this.#run();
  }

  /** Resolves when the table was written once, well or not, or nothing is known for some time: what was there before stays then. */
  async start(): Promise<void> {
    for (const one of await this.#options.file.load()) this.#admitted.set(one.pod.metadata.uid ?? '', one);
    if (await this.#known(startPatienceMs)) await this.#synced();
  }

  /** Resolves when the table has the policies for the pod. @throws Error */
  async admit(pod: Pod, addresses: readonly string[]): Promise<void> {
    const { uid = '' } = pod.metadata;
    if (this.#inForce.get(uid) === addresses.join() && !this.#dirty) return;
    // Addresses are used again: whoever had one of these is gone.
    for (const [other, { addresses: theirs }] of this.#admitted) {
      if (theirs.some((address) => addresses.includes(address))) this.#admitted.delete(other);
    }
    this.#admitted.set(uid, { pod: policyPartOf(pod), addresses });
    if (!(await this.#known(knownWithinMs))) {
      throw new Error('the network policies are not known yet: the API has not answered');
    }
    const error = await this.#synced();
    if (error !== undefined) throw new Error(`the network policies of the pod are not in force: ${error}`);
  }

  status(): NetworkPolicyStatus {
    return {
      implementation: 'nftables',
      isolatedPods: this.#isolatedPods,
      policies: this.#policies,
      lastSyncAt: this.#lastSyncAt,
      lastError: this.#lastError,
      versions: this.#isSettled() ? this.#options.view.versions() : this.#versions,
    };
  }

  /** What else was seen since the last change counts for no policy. */
  #isSettled(): boolean {
    return this.#lastSyncAt > 0 && !this.#dirty && !this.#isApplying && this.#lastError === undefined;
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await this.#running;
    for (const settle of this.#waiting.splice(0)) settle('network policies are not enforced any more');
  }

  async #known(withinMs: number): Promise<boolean> {
    const { env, view, signal } = this.#options;
    const untilMs = env.clock.monotonic() + withinMs;
    while (view.cluster === undefined) {
      if (signal.aborted || env.clock.monotonic() >= untilMs) return false;
      await env.timers.sleep(lookAgainMs, signal).catch(() => undefined);
    }
    return true;
  }

  #synced(): Promise<string | undefined> {
    if (this.#options.signal.aborted) return Promise.resolve('network policies are not enforced any more');
    const done = new Promise<string | undefined>((resolve) => this.#waiting.push(resolve));
    this.touch();
    return done;
  }

  async #run(): Promise<void> {
    const { env, signal, minIntervalMs } = this.#options;
    while (this.#dirty && !signal.aborted) {
      await this.#apply();
      const backOffMs = Math.min(retryLimitMs, retryBaseMs * 2 ** Math.min(this.#failures - 1, 10));
      await env.timers.sleep(this.#failures === 0 ? minIntervalMs : backOffMs, signal).catch(() => undefined);
    }
    this.#running = undefined;
  }

  async #apply(): Promise<void> {
    const { env, health, view, table, file } = this.#options;
    this.#dirty = false;
    const { cluster } = view;
    if (cluster === undefined) return;
    const waiting = this.#waiting.splice(0);
    const versions = view.versions();
    this.#isApplying = true;
    try {
      const all = this.#withAdmitted(cluster);
      const local = all.pods.filter(({ nodeName }) => nodeName === this.#options.nodeName);
      const content = policyContent(all, local);
      // Before the table, on which the start of pods waits. Without policies there is nothing to protect.
      await file.save(all.policies.length === 0 ? [] : [...this.#admitted.values()]);
      await table.apply(content);
      this.#inForce = new Map(local.map((pod) => [pod.uid, pod.addresses.join()]));
      this.#isolatedPods = content.own.size;
      this.#policies = all.policies.length;
      this.#lastSyncAt = env.clock.now();
      this.#lastError = undefined;
      this.#versions = versions;
      this.#failures = 0;
      health.succeeded();
    } catch (error) {
      this.#dirty = true;
      this.#failures++;
      this.#lastError = errorMessage(error);
      health.failed(error);
    }
    this.#isApplying = false;
    for (const settle of waiting) settle(this.#lastError);
  }

  /** Pods that are attached count before the API knows their address, also those that have another one by now. */
  #withAdmitted(cluster: PolicyCluster): PolicyCluster {
    const all = new Map(cluster.pods.map((pod) => [pod.uid, pod]));
    for (const [uid, { pod, addresses }] of this.#admitted) {
      const { namespace = '', name = '' } = pod.metadata;
      const now = this.#options.view.pod(`${namespace}/${name}`);
      const made = now !== undefined && now.metadata.uid !== uid ? undefined : policyPod(now ?? pod, addresses);
      // Replaced, over, or shown as it is.
      if (made === undefined || all.get(uid)?.addresses.join() === made.addresses.join()) this.#admitted.delete(uid);
      else all.set(uid, made);
    }
    return { ...cluster, pods: [...all.values()] };
  }
}
