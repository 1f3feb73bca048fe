/** Offers the numbers of a JSON document of an HTTP server as external metrics: autoscalers scale by them. */
import { definePlugin } from '@timonel/sdk';
import { externalMetrics } from '@timonel/sdk/contracts/metrics';
import { z } from 'zod';

export default definePlugin({
  name: 'metrics-json',
  version: '1.0.0',
  apiVersion: 1,
  description: 'external metrics from a JSON document',
  config: z.strictObject({
    /** Answers, for example, `{"queue_length": 7}`. */
    url: z.url(),
    metrics: z.array(z.string()).min(1),
  }),
  provides: { external: externalMetrics },
  setup(ctx) {
    const { url, metrics } = ctx.config;
    return {
      provides: {
        external: {
          offered: () => metrics,
          async values({ metric }) {
            const response = await fetch(url, { signal: ctx.signal });
            if (!response.ok) throw new Error(`${url} answers with ${response.status}`);
            const value = ((await response.json()) as Record<string, unknown>)[metric];
            return typeof value === 'number' ? [{ value, time: ctx.env.clock.now() }] : [];
          },
        },
      },
    };
  },
});
