import { definePlugin, kernelControl, kernelHooks, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { scheduler, schedulerHooks } from '@timonel/sdk/contracts/scheduler2';
import { z } from 'zod';
import { SchedulerHost } from './host.ts';
import { collect, observerOf, schedulerMetrics, type SchedulerMetrics } from './scheduler-metrics.ts';

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
});

/** Queues pending pods, asks whichever scheduler is in charge, and writes the bindings. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-host',
  version: '0.2.0',
  apiVersion: 1,
  description: 'queues pending pods, asks the scheduler in charge, and binds',
  requires: { api: apiClient, scheduler, kernel: kernelControl },
  optional: { leadership },
  hooks: schedulerHooks,
  config,
  setup(ctx) {
    const inCharge = (): string => ctx.deps.kernel.providerOf('scheduler') ?? 'no scheduler';
    const metrics: SchedulerMetrics = ctx.metrics(schedulerMetrics, (instruments) => collect(instruments, host));
    const observers = [observerOf(metrics, inCharge, ctx.env.clock)];
    const host = new SchedulerHost(ctx, { ...ctx.deps, schedulerName: inCharge, observers }, ctx.config);
    ctx.tap(kernelHooks.pluginState, () => host.wake());
    return { start: () => host.start(), stop: () => host.stop() };
  },
});

export default plugin;
