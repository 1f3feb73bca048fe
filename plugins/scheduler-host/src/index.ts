import { definePlugin, kernelControl, kernelHooks, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { externalSchedulers, scheduler, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import { explainers } from '@timonel/sdk/contracts/why';
import { z } from 'zod';
import { SchedulerHost } from './host.ts';
import { collect, observerOf, schedulerMetrics, type SchedulerMetrics } from './scheduler-metrics.ts';
import { shadowRoutes } from './shadow/shadow-routes.ts';
import { watchConfig } from './shadow/watch-config.ts';
import { watchOf } from './shadow/watch-of-host.ts';
import { AttemptFailures } from './why/attempt-failures.ts';
import { podExplainerOf } from './why/from-core.ts';
import { knownExternals } from './why/known-externals.ts';

const config = z.strictObject({
  /** Pods with this `spec.schedulerName` are taken when the scheduler in charge names none. */
  schedulerName: z.string().default('default-scheduler'),
  /** Most pods in one decision. */
  batchSize: z.number().int().min(1).max(1000).default(100),
  /** Bindings under way at once. */
  parallelBindings: z.number().int().min(1).max(1024).default(64),
  /** How long a scheduler may take for one batch. */
  decisionTimeoutMs: z.number().int().min(100).default(10_000),
  /** How long the admission of a pod to its node (Reserve, Permit, PreBind) may take. */
  admissionTimeoutMs: z.number().int().min(100).default(900_000),
  /** Shadow runs, and the guard rails of a scheduler on probation. */
  watch: watchConfig.prefault({}),
});

/** Queues pending pods, asks whichever scheduler is in charge, and writes the bindings. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-host',
  version: '0.2.0',
  apiVersion: 1,
  description: 'queues pending pods, asks the scheduler in charge, and binds',
  provides: { explainers, routes: routeProvider },
  requires: { api: apiClient, scheduler, kernel: kernelControl },
  optional: { leadership, externals: externalSchedulers },
  hooks: schedulerHooks,
  config,
  setup(ctx) {
    const inCharge = (): string => ctx.deps.kernel.providerOf('scheduler') ?? 'no scheduler';
    const metrics: SchedulerMetrics = ctx.metrics(schedulerMetrics, (instruments) => collect(instruments, host));
    const failures = new AttemptFailures(ctx.env.clock);
    const watch = watchOf(ctx, ctx.deps.kernel, () => host, ctx.config.watch);
    const observers = [observerOf(metrics, inCharge, ctx.env.clock), failures, watch];
    const host = new SchedulerHost(ctx, { ...ctx.deps, schedulerName: inCharge, observers }, ctx.config);
    ctx.tap(kernelHooks.pluginState, () => host.wake());
    const hasScheduler = (): boolean => ctx.deps.kernel.providerOf('scheduler') !== undefined;
    const externals = knownExternals(() => ctx.deps.externals.all(), ctx.log);
    const routes = Object.freeze(shadowRoutes(watch.shadow, externals));
    return {
      provides: {
        explainers: podExplainerOf(host.core, { hasScheduler, failures, externals }),
        routes: { routes: () => routes },
      },
      async start() {
        await host.start();
        watch.start();
      },
      async stop() {
        watch.stop();
        await host.stop();
      },
    };
  },
});

export default plugin;
