import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import type { BatchOrder } from '@timonel/sdk/scheduling';
import { profileBase, profileScheduler, profilesConfig, type ProfileBase } from '@timonel/sdk/scheduling/profiles';
import { Capacity } from './capacity.ts';
import { fairOrder } from './fair-order.ts';
import { FairShare } from './fair-share.ts';
import { queueQuota } from './queue-quota.ts';
import { queueList, Queues } from './queues.ts';

const inQueues: ProfileBase = profileBase({
  disabled: ['PrioritySort'],
  plugins: [{ name: 'FairShare' }, { name: 'QueueQuota' }],
});

/**
 * Jobs in queues: each has a quota and a fair share by weight, and pod groups get all of their nodes or none. Within a batch the queue with
 * the lowest dominant share goes first; which pods are in a batch is decided by start-time fair queueing.
 */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-gang',
  version: '0.1.0',
  apiVersion: 1,
  description: 'queues with quotas and fair shares; jobs whose pods get nodes all together or not at all',
  provides: { scheduler, routes: routeProvider },
  optional: { plugins: schedulingPlugins },
  config: profilesConfig.extend({
    /** Pods name theirs in the label `scheduling.timonel.dev/queue`; others are in the queue `default`. */
    queues: queueList.default([]),
  }),
  swap: 'drain',
  setup(ctx) {
    const queues = new Queues(ctx.config.queues);
    const capacity = new Capacity();
    const share = new FairShare(queues, capacity);
    const fair = fairOrder(queues, capacity);
    const order: BatchOrder = (parts, view) => {
      share.look(view);
      return fair(parts, view);
    };
    const { plugin: fairShare } = share;
    const own = [
      ['FairShare', () => fairShare],
      ['QueueQuota', () => queueQuota(queues)],
    ] as const;
    return { provides: profileScheduler(ctx, { base: inQueues, own, order }) };
  },
});

export default plugin;
