import { definePlugin, kernelControl, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { scheduler, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import { z } from 'zod';
import { SchedulerHost } from './host.ts';
import { schedulerMetrics, type SchedulerMetrics } from './scheduler-metrics.ts';

const config = z.strictObject({
  /** Only pods with this `spec.schedulerName` are touched. */
  schedulerName: z.string().default('default-scheduler'),
  /** Most pods in one decision. */
  batchSize: z.number().int().min(1).max(1000).default(100),
  /** Bindings under way at once. */
  parallelBindings: z.number().int().min(1).max(256).default(16),
  /** How long a scheduler may take for one batch. */
  decisionTimeoutMs: z.number().int().min(100).default(10_000),
});

/** Queues pending pods, asks whichever scheduler is in charge, and writes the bindings. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-host',
  version: '0.1.0',
  apiVersion: 1,
  description: 'queues pending pods, asks the scheduler in charge, and binds',
  requires: { api: apiClient, scheduler, kernel: kernelControl },
  optional: { leadership },
  hooks: schedulerHooks,
  config,
  setup(ctx) {
    const inCharge = (): string => ctx.deps.kernel.providerOf('scheduler') ?? 'no scheduler';
    const metrics: SchedulerMetrics = ctx.metrics(schedulerMetrics, ({ attempts, pending }) => {
      const { bound, unschedulable, bindErrors, decisionErrors } = host.counts;
      attempts.of('scheduled').set(bound);
      attempts.of('unschedulable').set(unschedulable);
      attempts.of('error').set(bindErrors + decisionErrors);
      for (const [queue, count] of Object.entries(host.pending())) pending.of(queue).set(count);
    });
    const onDecision = (count: number, ms: number): void => {
      metrics.decision.of(inCharge()).observe(ms / 1000);
      metrics.batch.of().observe(count);
    };
    const host = new SchedulerHost(ctx, { ...ctx.deps, schedulerName: inCharge, onDecision }, ctx.config);
    return { start: () => host.start(), stop: () => host.stop() };
  },
});

export default plugin;
