/** The default scheduler, but what pods prefer themselves counts most. Takes profiles like those that come with Timonel. */
import { definePlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import { profileBase, profileScheduler, profilesConfig } from '@timonel/sdk/scheduling/profiles';

const base = profileBase({
  disabled: ['ImageLocality'],
  plugins: [
    { name: 'NodeAffinity', weight: 20 },
    { name: 'InterPodAffinity', weight: 20 },
  ],
});

export default definePlugin({
  name: 'scheduler-preferences',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the nodes that pods prefer, then those with most room',
  provides: { scheduler, routes: routeProvider },
  optional: { plugins: schedulingPlugins },
  config: profilesConfig,
  setup: (ctx) => ({ provides: profileScheduler(ctx, { base }) }),
});
