/** Counts how many pods each node got, and logs the figures once a minute. */
import { definePlugin } from '@timonel/sdk';
import { schedulerHooks } from '@timonel/sdk/contracts/scheduler';

export default definePlugin({
  name: 'count-bindings',
  version: '1.0.0',
  apiVersion: 1,
  description: 'logs how many pods each node got',
  setup(ctx) {
    const bindings = new Map<string, number>();
    ctx.tap(schedulerHooks.podBound, ({ nodeName }) => {
      bindings.set(nodeName, (bindings.get(nodeName) ?? 0) + 1);
    });
    ctx.env.timers.every(60_000, () => {
      ctx.log.info({ bindings: Object.fromEntries(bindings) }, 'pods bound so far');
    });
  },
});
