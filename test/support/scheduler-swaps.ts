/** Many swaps of the scheduler while pods come: what each cost, and an account of all pods. */
import { definePlugin, type AnyPlugin, type KernelControl } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import schedulerBinpack from '@timonel/plugin-scheduler-binpack';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerGang from '@timonel/plugin-scheduler-gang';
import schedulerHost from '@timonel/plugin-scheduler-host';
import schedulerSpread from '@timonel/plugin-scheduler-spread';
// The package itself wants jest, which benchmarks do not have.
import { startTestKernel } from '../../sdk/testkit/src/test-kernel.ts';
import { makeFakeNodes, SchedulerLoad, type LoadAccount } from './scheduler-load.ts';

export interface SwapRunOptions {
  readonly store: AnyPlugin;
  readonly swaps: number;
  readonly perSecond: number;
  readonly nodes: number;
}

export interface SwapRun {
  readonly pausesMs: readonly number[];
  readonly account: LoadAccount;
  /** Bindings that the host told of, by scheduler; and the pods it told of more than once. */
  readonly boundBy: ReadonlyMap<string, number>;
  readonly toldTwice: readonly string[];
  /** Pods whose binding the host tells differently from the watch. */
  readonly toldOtherwise: readonly string[];
  readonly seconds: number;
  /** The longest time without a binding, by the host's account. */
  readonly longestGapMs: number;
}

/**
 * A swap waits for a binding, and a batch is bound in one turn of the event loop: so a turn has one swap, whether it binds a pod or a
 * hundred. On a machine that is too slow for the rate, pods that pile up would make each swap cost as much as a full batch.
 */
const waitingAtMost = 32;

const schedulers = [schedulerBinpack, schedulerSpread, schedulerGang, schedulerDefault];

/** What the host itself tells about bindings. */
class Witness {
  readonly boundBy = new Map<string, number>();
  readonly nodes = new Map<string, string>();
  readonly toldTwice: string[] = [];
  longestGapMs = 0;
  #lastMs: number | undefined;
  readonly plugin: AnyPlugin = definePlugin({
    name: 'binding-witness',
    version: '1.0.0',
    apiVersion: 1,
    setup: (ctx) =>
      ctx.tap(schedulerHooks.podBound, ({ uid, name, nodeName }, { scheduler }) => {
        const now = performance.now();
        this.longestGapMs = Math.max(this.longestGapMs, now - (this.#lastMs ?? now));
        this.#lastMs = now;
        this.boundBy.set(scheduler, (this.boundBy.get(scheduler) ?? 0) + 1);
        if (this.nodes.has(uid)) this.toldTwice.push(name);
        this.nodes.set(uid, nodeName);
      }),
  });
}

/** Each swap waits for the one before to have bound something: so every scheduler of the run was in use. */
async function swapInTurn(control: KernelControl, load: SchedulerLoad, swaps: number): Promise<number[]> {
  const pausesMs: number[] = [];
  for (let n = 0; n < swaps; n += 1) {
    await load.progress(1);
    const { pauseMs } = await control.swap('scheduler', schedulers[n % schedulers.length]?.name ?? '');
    pausesMs.push(pauseMs);
  }
  return pausesMs;
}

async function measure(
  api: ApiClient,
  control: KernelControl,
  witness: Witness,
  options: SwapRunOptions,
): Promise<SwapRun> {
  await makeFakeNodes(api, options.nodes);
  const load = new SchedulerLoad(api, { perSecond: options.perSecond, keep: 1000, waitingAtMost });
  try {
    await load.start();
    const startedMs = performance.now();
    const pausesMs = await swapInTurn(control, load, options.swaps);
    const seconds = (performance.now() - startedMs) / 1000;
    const account = await load.end();
    const { boundBy, toldTwice, nodes, longestGapMs } = witness;
    const toldOtherwise = [...load.placements()].flatMap(([uid, node]) => (nodes.get(uid) === node ? [] : uid));
    return { pausesMs, account, boundBy, toldTwice, toldOtherwise, seconds, longestGapMs };
  } finally {
    await load.close();
  }
}

export async function runSwaps(options: SwapRunOptions): Promise<SwapRun> {
  const witness = new Witness();
  const kernel = await startTestKernel({
    plugins: [
      options.store,
      authToken,
      apiServer,
      apiResources,
      admissionNamespace,
      schedulerHost,
      schedulerDefault,
      witness.plugin,
    ],
    config: { apiserver: { listen: { port: 0 } } },
    available: schedulers
      .filter((other) => other !== schedulerDefault)
      .map((definition) => ({ definition, source: 'built-in' })),
  });
  try {
    return await measure(kernel.service(apiClient), kernel.control, witness, options);
  } finally {
    await kernel.stop();
  }
}
