/** Makes the pods of a check of the network, reads what they tell, and removes them whatever happens. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callCluster } from '../../cluster/remote.ts';
import type { ClusterAccess } from '../../cluster/kubeconfig.ts';
import { CliError, exitCodes } from '../../errors.ts';
import {
  namespaceLabel,
  namespaceObject,
  proberName,
  proberObject,
  serverName,
  serverObject,
  serviceObject,
} from './check-objects.ts';
import { problemsOf } from './diagnosis.ts';
import { readResult, type ProbeOrder, type ProbeResult, type ProbeTarget } from './probes.ts';
import { checksOf, type CheckedNode, type NodeResults, type Report } from './report.ts';

export interface CheckOptions {
  /** Only these. Empty: all. */
  readonly nodes: readonly string[];
  /** Time in which pods start, and the same again in which they tell what they found. */
  readonly timeoutMs: number;
  /** Ends the check early; what it made is removed all the same. */
  readonly signal: AbortSignal;
}

const mostNodes = 200;
const pollMs = 200;
const removeMs = 30_000;
/** Of a check that was killed. */
const staleMs = 600_000;

interface Condition {
  readonly type: string;
  readonly status: string;
}
interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly podCIDR?: string };
  readonly status?: {
    readonly conditions?: readonly (Condition & { readonly message?: string })[];
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}
interface PodObject {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly message?: string;
    readonly reason?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly {
      readonly state?: {
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly terminated?: { readonly exitCode: number; readonly message?: string };
      };
    }[];
  };
}
interface ListOf<T> {
  readonly items: readonly T[];
}

/** A node that takes part, with its place among those that do. */
interface Member extends CheckedNode {
  readonly index: number;
}

function checkedNode({ metadata, spec, status }: NodeObject): CheckedNode {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const why = ready?.message === undefined || ready.message === '' ? '' : ` (${ready.message})`;
  return {
    name: metadata.name,
    address,
    podCIDR: spec?.podCIDR,
    problem: ready?.status === 'True' ? undefined : `the node is not Ready${why}: nothing was checked there`,
  };
}

function notReadyText({ status }: PodObject): string {
  const state = status?.containerStatuses?.[0]?.state;
  const { reason, message } = state?.waiting ?? {};
  const parts = [reason ?? status?.reason, message ?? state?.terminated?.message ?? status?.message];
  const told = parts.filter((part) => part !== undefined && part !== '').join(': ');
  const way = status?.podIP === undefined ? 'has no address' : 'does not become ready';
  return `the pod of the check ${way} in time${told === '' ? ` (${status?.phase ?? 'Pending'})` : ` (${told})`}: nothing was checked there`;
}

export class NetworkCheck {
  readonly #access: ClusterAccess;
  readonly #options: CheckOptions;
  readonly #namespace = `timonel-net-check-${randomBytes(4).toString('hex')}`;

  constructor(access: ClusterAccess, options: CheckOptions) {
    this.#access = access;
    this.#options = options;
  }

  /** @throws CliError */
  async run(): Promise<Report> {
    await this.#removeStale();
    const nodes = await this.#nodes();
    const reachable = nodes.filter(({ problem }) => problem === undefined);
    const members = reachable.map((node, index): Member => ({ ...node, index }));
    await this.#call('POST', '/api/v1/namespaces', namespaceObject(this.#namespace));
    try {
      const started = await this.#startServers(members);
      const names = ['kubernetes.default.svc', `${serverName(0)}.${this.#namespace}.svc`];
      const results = await this.#probe(started, names);
      const after = nodes.map((node) => started.find(({ name }) => name === node.name) ?? node);
      const seen = after.map(({ name, address, podCIDR, problem }): CheckedNode => {
        const silent = results.silent.get(name);
        return { name, address, podCIDR, problem: problem ?? silent };
      });
      const targets = started.filter(({ problem }) => problem === undefined).map(({ name }) => name);
      const checks = checksOf(results.told, targets, names);
      const problems = problemsOf({ nodes: seen, checks, policies: await this.#policies() });
      return { ok: problems.length === 0, nodes: seen, checks, problems };
    } finally {
      await this.#remove(members);
    }
  }

  #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return callCluster<T>(this.#access, method, path, body);
  }

  #path(resource: string, name = ''): string {
    return `/api/v1/namespaces/${this.#namespace}/${resource}${name === '' ? '' : `/${name}`}`;
  }

  async #nodes(): Promise<readonly CheckedNode[]> {
    const { items } = await this.#call<ListOf<NodeObject>>('GET', '/api/v1/nodes');
    const { nodes: wanted } = this.#options;
    const known = new Set(items.map(({ metadata }) => metadata.name));
    const strange = wanted.filter((name) => !known.has(name));
    if (strange.length > 0)
      throw new CliError(
        `There is no node ${strange.join(', ')}; there are ${[...known].join(', ')}.`,
        exitCodes.usage,
      );
    const chosen = items.filter(({ metadata }) => wanted.length === 0 || wanted.includes(metadata.name));
    if (chosen.length === 0) throw new CliError('The cluster has no nodes: start one with `timonel agent`.');
    if (chosen.length > mostNodes)
      throw new CliError(`${chosen.length} nodes are too many for one check: name at most ${mostNodes} with --nodes.`);
    return chosen.map(checkedNode);
  }

  /** Those whose pods do not start have a problem then. */
  async #startServers(members: readonly Member[]): Promise<readonly Member[]> {
    for (const { index } of members) await this.#call('POST', this.#path('services'), serviceObject(index));
    for (const { index, name } of members) await this.#createPod(serverObject(index, name));
    const isReady = ({ status }: PodObject): boolean =>
      status?.podIP !== undefined &&
      status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
    const pods = await this.#pods((found) => members.every(({ index }) => has(found, serverName(index), isReady)));
    return members.map((member) => {
      const pod = pods.get(serverName(member.index));
      if (pod !== undefined && isReady(pod)) return member;
      return { ...member, problem: pod === undefined ? 'the pod of the check is gone' : notReadyText(pod) };
    });
  }

  /** A namespace that has just been made may not have its service account yet. */
  async #createPod(pod: unknown): Promise<void> {
    for (let turn = 1; ; turn += 1) {
      try {
        await this.#call('POST', this.#path('pods'), pod);
        return;
      } catch (error) {
        if (turn >= 50 || !/service ?account/i.test((error as Error).message)) throw error;
        await this.#pause();
      }
    }
  }

  async #probe(
    members: readonly Member[],
    names: readonly string[],
  ): Promise<{ readonly told: ReadonlyMap<string, NodeResults>; readonly silent: ReadonlyMap<string, string> }> {
    const able = members.filter(({ problem }) => problem === undefined);
    const targets = await Promise.all(able.map((member) => this.#target(member)));
    const orders = {
      pod: { targets: targets.map(({ pod, service }) => ({ pod, service })), names } as ProbeOrder,
      node: { targets: targets.map(({ pod, node }) => ({ pod, node })), names: [] } as ProbeOrder,
    };
    for (const { index, name } of able)
      for (const from of ['pod', 'node'] as const) await this.#createPod(proberObject(index, name, from, orders[from]));
    const hasEnded = ({ status }: PodObject): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
    const all = able.flatMap(({ index }) => [proberName(index, 'pod'), proberName(index, 'node')]);
    const pods = await this.#pods((found) => all.every((name) => has(found, name, hasEnded)));
    const silent = new Map<string, string>();
    const told = able.map(({ index, name }): [string, NodeResults] => {
      const result = (from: 'pod' | 'node'): ProbeResult | undefined => {
        const pod = pods.get(proberName(index, from));
        const text = pod?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '';
        const read = readResult(text, orders[from]);
        if (read === undefined)
          silent.set(name, pod === undefined ? 'the pod of the check is gone' : notReadyText(pod));
        return read;
      };
      return [name, { pod: result('pod'), node: result('node') }];
    });
    return { told: new Map(told), silent };
  }

  async #target({ index, address }: Member): Promise<ProbeTarget> {
    const [pod, service] = await Promise.all([
      this.#call<PodObject>('GET', this.#path('pods', serverName(index))),
      this.#call<{ spec: { clusterIP?: string } }>('GET', this.#path('services', serverName(index))),
    ]);
    return {
      pod: pod.status?.podIP ?? '',
      service: service.spec.clusterIP ?? '',
      ...(address === undefined ? {} : { node: address }),
    };
  }

  /** The pods by name, as soon as `isDone`, and at the end of the time as they are then. */
  async #pods(isDone: (found: ReadonlyMap<string, PodObject>) => boolean): Promise<ReadonlyMap<string, PodObject>> {
    const deadline = performance.now() + this.#options.timeoutMs;
    for (;;) {
      const { items } = await this.#call<ListOf<PodObject>>('GET', this.#path('pods'));
      const found = new Map(items.map((pod) => [pod.metadata.name, pod]));
      if (isDone(found) || performance.now() > deadline) return found;
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await sleep(pollMs, undefined, { signal: this.#options.signal }).catch(() => undefined);
    if (this.#options.signal.aborted) throw new CliError('The check was ended before it was done.');
  }

  async #policies(): Promise<readonly string[]> {
    const path = `/apis/networking.k8s.io/v1/namespaces/${this.#namespace}/networkpolicies`;
    const { items } = await this.#call<ListOf<NodeObject>>('GET', path);
    return items.map(({ metadata }) => metadata.name);
  }

  async #removeStale(): Promise<void> {
    const path = `/api/v1/namespaces?labelSelector=${encodeURIComponent(`${namespaceLabel}=true`)}`;
    const { items } = await this.#call<ListOf<{ metadata: { name: string; creationTimestamp: string } }>>('GET', path);
    for (const { metadata } of items)
      if (Date.now() - Date.parse(metadata.creationTimestamp) > staleMs)
        await this.#call('DELETE', `/api/v1/namespaces/${metadata.name}`).catch(() => undefined);
  }

  /** The pods at once, as a node that is cut off would keep the namespace. Says so when something stays. */
  async #remove(members: readonly Member[]): Promise<void> {
    const path = `/api/v1/namespaces/${this.#namespace}`;
    try {
      await this.#call('DELETE', path);
      for (const { index } of members)
        for (const name of [serverName(index), proberName(index, 'pod'), proberName(index, 'node')])
          await this.#call('DELETE', `${this.#path('pods', name)}?gracePeriodSeconds=0`).catch(() => undefined);
      const deadline = performance.now() + removeMs;
      while (performance.now() < deadline) {
        const { items } = await this.#call<ListOf<NodeObject>>('GET', '/api/v1/namespaces');
        if (!items.some(({ metadata }) => metadata.name === this.#namespace)) return;
        await sleep(pollMs);
      }
      throw new Error(`it is not gone after ${removeMs / 1000} s`);
    } catch (error) {
      const why = (error as Error).message;
      process.stderr.write(`The namespace ${this.#namespace} of the check may be left: ${why}\n`);
    }
  }
}

const has = (pods: ReadonlyMap<string, PodObject>, name: string, fits: (pod: PodObject) => boolean): boolean => {
  const pod = pods.get(name);
  return pod !== undefined && fits(pod);
};
