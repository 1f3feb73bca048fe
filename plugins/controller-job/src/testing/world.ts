/** A small model of the API and of kubelets, for one Job: every write is a revision, and a controller may see any earlier one. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { jsonEqual, type Action, type Informer, type Outcome } from '@timonel/sdk/controller';
import { ApiError, type Job, type KubeObject, type Pod } from '@timonel/sdk/kube';
import { FailureMemory } from '../back-off.ts';
import { isTracked, trackingFinalizer } from '../job-pods.ts';
import { jobKeyOf, observe, orphanNamespace } from '../observe.ts';
import { reconcile } from '../reconcile.ts';
import { planStatus } from '../status.ts';

interface State {
  readonly job: Job;
  readonly pods: ReadonlyMap<string, Pod>;
}

export interface PassOptions {
  /** How many revisions each cache lags behind. */
  readonly jobLag?: number;
  readonly podLag?: number;
  /** The process dies after so many writes, the answer to the last one included. */
  readonly crashAfter?: number | undefined;
}

class Crash extends Error {}

const startMs = Date.parse('2026-01-01T00:00:00Z');
const notFound = (name: string): ApiError => new ApiError('NotFound', `${name} is gone`);

export class World {
  nowMs: number = startMs;
  /** Pods that have lost the finalizer although nobody counted them, and were not meant to be. */
  readonly removed: string[] = [];
  /** Pods whose containers failed, as they were then. */
  readonly failures: Pod[] = [];
  created = 0;
  writes = 0;
  readonly #states: State[];
  /** No cache of the process is older: it began with lists, and waits until it sees what it wrote. */
  #floor = 0;
  readonly #isOneProcess: boolean;
  #memory: FailureMemory = new FailureMemory();

  /** `isOneProcess` false: as if several worked at once, each with caches of its own age. */
  constructor(spec: Partial<Job['spec']>, isOneProcess: boolean = true) {
    this.#isOneProcess = isOneProcess;
    const labels = { 'batch.kubernetes.io/controller-uid': 'job-uid' };
    const job: Job = {
      metadata: { name: 'work', namespace: 'default', uid: 'job-uid', generation: 1, resourceVersion: '0' },
      spec: {
        parallelism: 1,
        backoffLimit: 6,
        completionMode: 'NonIndexed',
        podReplacementPolicy: 'TerminatingOrFailed',
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [{ name: 'main' }] } },
        ...spec,
      },
    };
    this.#states = [{ job, pods: new Map() }];
  }

  get #state(): State {
    return this.#states.at(-1) as State;
  }

  get job(): Job {
    return this.#state.job;
  }

  get pods(): Pod[] {
    return [...this.#state.pods.values()];
  }

  get tracked(): Pod[] {
    return this.pods.filter(isTracked);
  }

  get timestamp(): string {
    return `${new Date(this.nowMs).toISOString().slice(0, 19)}Z`;
  }

  #push(next: Partial<State>): void {
    this.#states.push({ ...this.#state, ...next });
  }

  #putPod(pod: Pod): Pod {
    const written = { ...pod, metadata: { ...pod.metadata, resourceVersion: `${this.#states.length}` } };
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [], uid = '' } = written.metadata;
    const pods = new Map(this.#state.pods);
    if (deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0)
      pods.delete(uid);
    else pods.set(uid, written);
    this.#push({ pods });
    return written;
  }

  #putJob(job: Job): Job {
    const written = { ...job, metadata: { ...job.metadata, resourceVersion: `${this.#states.length}` } };
    this.#push({ job: written });
    return written;
  }

  changeSpec(spec: Partial<Job['spec']>): void {
    const { metadata } = this.job;
    const generation = (metadata.generation ?? 0) + 1;
    this.#putJob({ ...this.job, metadata: { ...metadata, generation }, spec: { ...this.job.spec, ...spec } });
  }

  /** The pods that run, in the order of their making. */
  get running(): Pod[] {
    return this.pods.filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending');
  }

  /** A kubelet: the containers of the pod end. */
  end(pod: Pod, exitCode: number): void {
    const state = { terminated: { exitCode, finishedAt: this.timestamp } };
    const base = { name: 'main', lastState: {}, ready: false, restartCount: 0, image: '', imageID: '' };
    const status = { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ ...base, state }] };
    if (exitCode !== 0) this.failures.push(pod);
    const ended = this.#putPod({ ...pod, status });
    if (ended.metadata.deletionTimestamp !== undefined) this.#mark(ended, 0);
  }

  #mark(pod: Pod, grace: number): Pod {
    const deletionTimestamp = pod.metadata.deletionTimestamp ?? this.timestamp;
    return this.#putPod({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace },
    });
  }

  deletePod(pod: Pod): Pod {
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    return this.#mark(pod, ended ? 0 : 30);
  }

  #live(pod: Pod): Pod {
    const live = this.#state.pods.get(pod.metadata.uid ?? '');
    if (live === undefined) throw notFound(pod.metadata.name ?? '');
    return live;
  }

  #carryOut(action: Action): KubeObject {
    if (action.do === 'create') {
      this.created += 1;
      const id = `pod-${this.created}`;
      const { object } = action;
      const metadata = { ...object.metadata, name: id, uid: id, creationTimestamp: this.timestamp };
      return this.#putPod({
        ...(object as Pod),
        metadata,
        status: { phase: 'Running' },
        spec: { nodeName: 'n', containers: [] },
      });
    }
    if (action.do === 'delete') return this.deletePod(this.#live(action.object as Pod));
    if (action.do !== 'patch') throw new Error(`the model knows no ${action.do}`);
    const live = this.#live(action.object as Pod);
    const { resourceVersion, finalizers = [], uid = '' } = live.metadata;
    if (action.fenced !== false && resourceVersion !== action.object.metadata.resourceVersion) {
      throw new ApiError('Conflict', 'it has changed');
    }
    const { succeeded = [], failed = [] } = this.job.status?.uncountedTerminatedPods ?? {};
    const isTakenUp = succeeded.includes(uid) || failed.includes(uid);
    if (action.cause.code !== 'Counted' && isTracked(live) && !isTakenUp) this.removed.push(uid);
    return this.#putPod({
      ...live,
      metadata: { ...live.metadata, finalizers: finalizers.filter((name) => name !== trackingFinalizer) },
    });
  }

  /** What the controller reads. */
  #reads({ jobLag = 0, podLag = 0 }: PassOptions): { inputs: Parameters<typeof observe>[1]; api: ApiClient } {
    const last = this.#states.length - 1;
    const floor = this.#isOneProcess ? this.#floor : 0;
    const seenJob = this.#states[Math.max(floor, last - jobLag)];
    const podsAt = Math.max(floor, last - podLag);
    const seenPods = [...(this.#states[podsAt]?.pods.values() ?? [])];
    const jobs = { get: () => seenJob?.job } as unknown as Informer<Job>;
    const pods = {
      byIndex: (index: string, value: string) =>
        seenPods.filter((pod) => (index === 'job' ? jobKeyOf(pod) : orphanNamespace(pod)) === value),
      hasSeen: (version: string) => Number(version) <= podsAt,
    } as unknown as Informer<Pod>;
    const api = {
      get: (type: { resource: string }, { name }: { name: string }) => {
        if (type.resource === 'jobs') return Promise.resolve(this.job);
        const found = this.pods.find(({ metadata }) => metadata.name === name);
        return found === undefined ? Promise.reject(notFound(name)) : Promise.resolve(found);
      },
      list: () => Promise.resolve({ metadata: {}, items: this.pods }),
    } as unknown as ApiClient;
    return { inputs: { jobs, pods, memory: this.#memory }, api };
  }

  /** One pass of the controller, as `defineController` makes it. Answers how many writes it made. */
  async pass(options: PassOptions = {}): Promise<number> {
    const before = this.writes;
    try {
      await this.#pass(options);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.#memory = new FailureMemory();
    }
    if (this.writes > before) this.#floor = this.#states.length - 1;
    return this.writes - before;
  }

  async #pass(options: PassOptions): Promise<void> {
    let left = options.crashAfter ?? Number.POSITIVE_INFINITY;
    const write = <T>(work: () => T): T => {
      if (left <= 0) throw new Crash();
      const answer = work();
      this.writes += 1;
      left -= 1;
      if (left <= 0) throw new Crash();
      return answer;
    };
    const { inputs, api } = this.#reads(options);
    const now = { nowMs: this.nowMs, timestamp: this.timestamp };
    const observed = await observe('default/work', inputs, now, api);
    if (observed === undefined) return;
    const { actions } = reconcile(observed);
    const isCurrent = observed.subject?.metadata.generation === this.job.metadata.generation;
    if (actions.length > 0 && observed.subject !== undefined && !isCurrent) return;
    const answers = new Map<Action, KubeObject>();
    const refused = new Set<string | undefined>();
    for (const action of actions) {
      const uid = 'object' in action ? action.object.metadata.uid : undefined;
      if (refused.has(uid)) continue;
      try {
        answers.set(
          action,
          write(() => this.#carryOut(action)),
        );
      } catch (error) {
        if (error instanceof Crash) throw error;
        // A refusal ends what the pass does to the pod; a deletion of what is gone is none.
        if (action.do === 'delete') continue;
        if (action.independent !== true) break;
        refused.add(uid);
      }
    }
    this.#writeStatus(observed, { answers, existing: [] }, write);
  }

  #writeStatus(observed: Parameters<typeof planStatus>[0], outcome: Outcome, write: <T>(work: () => T) => T): void {
    const { subject } = observed;
    const plan = planStatus(observed, outcome);
    if (plan === undefined || subject === undefined || jsonEqual(plan.status, subject.status)) return;
    // Fenced.
    if (subject.metadata.resourceVersion !== this.job.metadata.resourceVersion) return;
    write(() => this.#putJob({ ...this.job, status: plan.status }));
  }

  /** Passes without faults until nothing is written any more. */
  async settle(limit: number = 200): Promise<void> {
    for (let passes = 0; passes < limit; passes += 1) if ((await this.pass()) === 0) return;
    throw new Error('the controller does not come to rest');
  }
}
