/** The host on simulated time, with an API server that fails and hangs when told. */
import type { OptionalRef } from '@timonel/sdk';
import type { Leadership } from '@timonel/sdk/contracts/leadership';
import type {
  Decision,
  PodInfo,
  Scheduler,
  SchedulerSnapshot,
  SchedulerTraits,
} from '@timonel/sdk/contracts/scheduler';
import { createRecordingLogger, manualEnv, type RecordingLogger, type SimulatedEnv } from '@timonel/testkit';
import type { HostConfig } from '../core.ts';
import { SchedulerHost } from '../host.ts';
import { FakeApi } from './fake-api.ts';
import { aNode, aPod } from './stand-ins.ts';

/** Binds everything to the node `a`, unless told otherwise. */
export class ToNodeA implements Scheduler {
  /** Another name: another scheduler is in charge. */
  name = 'to-node-a';
  traits: SchedulerTraits = {};
  readonly asked: string[][] = [];
  lastAsked: readonly PodInfo[] = [];
  snapshot: SchedulerSnapshot | undefined;
  trick: ((asked: readonly PodInfo[]) => Promise<readonly Decision[]>) | undefined;

  decide(asked: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> {
    this.lastAsked = asked;
    this.asked.push(asked.map(({ name }) => name));
    this.snapshot = snapshot;
    if (this.trick !== undefined) return this.trick(asked);
    return Promise.resolve(
      asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'a', scores: [], feasibleNodes: 1 })),
    );
  }

  placed(): string[] {
    return this.snapshot?.rows[0]?.pods.map(({ name }) => name) ?? [];
  }
}

export interface Bench {
  readonly api: FakeApi;
  readonly env: SimulatedEnv;
  readonly log: RecordingLogger;
  readonly service: ToNodeA;
  readonly host: SchedulerHost;
}

export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const running: { readonly host: SchedulerHost; readonly stop: AbortController; readonly env: SimulatedEnv }[] = [];

export async function bench(
  config: Partial<HostConfig> = {},
  prepare: (api: FakeApi) => void = () => undefined,
  leadership?: OptionalRef<Leadership>,
): Promise<Bench> {
  const api = new FakeApi();
  prepare(api);
  const env = manualEnv();
  const log = createRecordingLogger();
  const service = new ToNodeA();
  const stop = new AbortController();
  const hooks = { podBound: { size: 0, call: () => Promise.resolve() } };
  const host = new SchedulerHost(
    { name: 'scheduler-host', env, log, signal: stop.signal, reportFault: () => undefined, hooks },
    {
      api: api.client(),
      scheduler: service,
      schedulerName: () => service.name,
      ...(leadership === undefined ? {} : { leadership }),
    },
    {
      schedulerName: 'default-scheduler',
      batchSize: 10,
      parallelBindings: 4,
      decisionTimeoutMs: 1000,
      admissionTimeoutMs: 1000,
      ...config,
    },
  );
  api.put('nodes', aNode('a'));
  void host.start();
  await env.settle();
  running.push({ host, stop, env });
  return { api, env, log, service, host };
}

/** Call it after each test. */
export async function endAll(): Promise<void> {
  for (const { stop, env } of running.splice(0)) {
    stop.abort();
    await env.settle();
  }
}

/** Lets all that is due happen: each batch takes a turn of the event loop. */
export async function quiet(env: SimulatedEnv, ms: number = 0): Promise<void> {
  await env.advance(ms);
  for (let turn = 0; turn < 20; turn++) await env.settle();
}

export function putPods(api: FakeApi, count: number, from: number = 0): void {
  for (let index = from; index < from + count; index++) api.put('pods', aPod(`p${index}`));
}
