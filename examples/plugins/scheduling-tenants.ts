/** Adds two plugins to the scheduling framework: a node belongs to one tenant at a time, and cool nodes are better than hot ones. */
import { definePlugin } from '@timonel/sdk';
import { schedulingPlugins, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import { perNodeFilter } from '@timonel/sdk/scheduling/rules';

/** Node by node. The tenant is a label of the pod: so its answers are not kept for other pods of the same template. */
const oneTenant: SchedulingPlugin = {
  ...perNodeFilter(
    'OneTenant',
    (pod, node) => {
      const { tenant } = pod.class.labels;
      const other = node.pods.some(({ class: { labels } }) => labels['tenant'] !== tenant);
      return other ? 'node(s) belonged to another tenant' : undefined;
    },
    { scope: 'cluster' },
  ),
  requeueHints: [{ event: 'node-added' }, { event: 'pod-removed' }],
};

/** In a batch: all nodes in one call. The hottest node gets 0. */
const coolNodes: SchedulingPlugin = {
  name: 'CoolNodes',
  normalize: 'reverse-max',
  score(_pod, { rows, count, view }, scores) {
    for (const row of rows.subarray(0, count)) {
      const degrees = Number(view.nodes[row]?.metadata.labels?.['node.timonel.dev/temperature']);
      scores[row] = degrees > 0 ? degrees : 0;
    }
  },
};

export default definePlugin({
  name: 'scheduling-tenants',
  version: '1.0.0',
  apiVersion: 1,
  description: 'one tenant on a node, and cool nodes first',
  provides: { plugins: schedulingPlugins },
  setup: () => ({ provides: { plugins: { make: () => [oneTenant, coolNodes] } } }),
});
