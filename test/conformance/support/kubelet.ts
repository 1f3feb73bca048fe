/** Kubelets without containers: they move the status of their nodes' pods as a script says, and end deleted ones. */
import { setMaxListeners } from 'node:events';
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isConflict, isNotFound, pods, type KubeObject, type Pod } from '@timonel/sdk/kube';
import { endedStatus, isTerminal, statusBy, type Script, type Surroundings } from './pod-status.ts';

/** 128 + SIGTERM. */
const stoppedCode = 143;

export interface KubeletOptions {
  /** What becomes of a pod, until {@link FakeKubelet.order} says otherwise. Default: {@link scriptOfCommand}. */
  readonly script?: (pod: Pod) => Script;
  /** Whether a deleted pod may end now; while it may not, it goes on as it is. Default: at once. Ask again by `look`. */
  readonly mayEnd?: (pod: Pod) => boolean;
  /** What the containers of a deleted pod end with. Default: 143. */
  readonly stoppedCode?: number;
}

/** `fake:exit CODE` as a container's command ends the pod, `fake:never-ready` and `fake:pending` say it; all others become ready. */
export function scriptOfCommand({ spec }: Pod): Script {
  const [word, code] = spec.containers[0]?.command ?? [];
  if (word === 'fake:exit') return { exitCode: Number(code ?? 0) };
  if (word === 'fake:never-ready') return 'running';
  return word === 'fake:pending' ? 'pending' : 'ready';
}

type Found = Pick<Pod, 'metadata'>;

/** Which pods a kubelet works for. */
export interface KubeletNodes {
  /** Absent: it runs every pod, whether it has a node or not. */
  readonly isOwn?: (nodeName: string) => boolean;
  /** Takes pods without a node onto one of these. Absent: a scheduler does that. */
  readonly bindTo?: () => readonly string[];
}

export class FakeKubelet {
  script: (pod: Pod) => Script;
  mayEnd: (pod: Pod) => boolean;
  readonly #stoppedCode: number;
  readonly #api: ApiClient;
  readonly #env: Env;
  readonly #nodes: KubeletNodes;
  readonly #pods = new Map<string, Pod>();
  readonly #orders = new Map<string, Script>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  #addresses = 0;

  constructor(api: ApiClient, env: Env, served: KubeletNodes = {}, options: KubeletOptions = {}) {
    this.#api = api;
    this.#env = env;
    this.#nodes = served;
    this.script = options.script ?? scriptOfCommand;
    this.mayEnd = options.mayEnd ?? (() => true);
    this.#stoppedCode = options.stoppedCode ?? stoppedCode;
    setMaxListeners(0, this.#stop.signal);
  }

  start(): void {
    this.#following ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** From now on this pod does so, whatever `script` says. */
  order({ metadata }: Found, script: Script): void {
    const uid = metadata.uid ?? '';
    this.#orders.set(uid, script);
    this.#look(uid);
  }

  /** Its containers end with this code, once; where the pod restarts them, `order(pod, 'ready')` ends their back-off. */
  finish(pod: Found, exitCode: number = 0): void {
    this.order(pod, { exitCode });
  }

  /** Looks at all pods again, after `script`, `mayEnd` or the nodes have changed. */
  look(): void {
    for (const uid of this.#pods.keys()) this.#look(uid);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const { type, object } of this.#api.watch(pods, { signal })) {
          const { uid = '' } = object.metadata;
          if (type === 'DELETED') this.#forget(uid);
          else if (type !== 'BOOKMARK') {
            this.#pods.set(uid, object);
            this.#look(uid);
          }
        }
      } catch (error) {
        if (!signal.aborted) await new Promise((resolve) => setImmediate(resolve, error));
      }
    }
  }

  #forget(uid: string): void {
    this.#pods.delete(uid);
    this.#orders.delete(uid);
  }

  #look(uid: string): void {
    if (this.#busy.has(uid)) {
      this.#again.add(uid);
      return;
    }
    this.#busy.add(uid);
    void this.#work(uid);
  }

  async #work(uid: string): Promise<void> {
    do {
      this.#again.delete(uid);
      const pod = this.#pods.get(uid);
      try {
        if (pod !== undefined && !this.#stop.signal.aborted) await this.#step(pod);
      } catch (error) {
        // A pod that changed or went meanwhile comes again as an event.
        if (!isConflict(error) && !isNotFound(error) && !this.#stop.signal.aborted) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          this.#again.add(uid);
        }
      }
    } while (this.#again.has(uid));
    this.#busy.delete(uid);
  }

  async #step(pod: Pod): Promise<void> {
    const { nodeName = '' } = pod.spec;
    if (nodeName === '' && this.#nodes.bindTo !== undefined) return this.#bind(pod, this.#nodes.bindTo());
    if (this.#nodes.isOwn?.(nodeName) === false) return;
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      if (deletionGracePeriodSeconds !== 0 || !isTerminal(pod)) await this.#end(pod);
      return;
    }
    const script = this.#orders.get(pod.metadata.uid ?? '') ?? this.script(pod);
    const status = statusBy(script, pod, this.#around());
    if (status !== undefined) await this.#api.updateStatus(pods, { ...pod, status }, { fieldManager: 'kubelet' });
  }

  async #bind(pod: Pod, names: readonly string[]): Promise<void> {
    const { namespace, name = '', deletionTimestamp } = pod.metadata;
    const [first = ''] = names;
    const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const wanted = terms?.[0]?.matchFields?.[0]?.values?.[0] ?? first;
    if (wanted === '' || deletionTimestamp !== undefined) return;
    const target = { apiVersion: 'v1', kind: 'Node', name: wanted };
    const binding: KubeObject & { target: typeof target } = { metadata: { name }, target };
    await this.#api.createSubresource(pods, { namespace, name }, 'binding', binding);
  }

  async #end(pod: Pod): Promise<void> {
    if (!this.mayEnd(pod)) return;
    const { namespace, name = '', uid = '' } = pod.metadata;
    if (!isTerminal(pod)) {
      const order = this.#orders.get(uid);
      const code = typeof order === 'object' && 'exitCode' in order ? order.exitCode : this.#stoppedCode;
      const status = endedStatus(pod, () => code, this.#around());
      await this.#api.updateStatus(pods, { ...pod, status }, { fieldManager: 'kubelet' });
    }
    await this.#api.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
  }

  #around(): Surroundings {
    this.#addresses += 1;
    const address = this.#addresses;
    return {
      now: this.#env.clock.timestamp(),
      podIP: `10.1.${(address >> 8) & 255}.${address & 255}`,
      hostIP: '192.0.2.1',
    };
  }
}
