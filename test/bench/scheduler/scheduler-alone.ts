/** The schedulers of the league without their plugins, for a process that has nothing else in it. */
import { createRealEnv } from '@timonel/core';
import type { Pod } from '@timonel/sdk/kube';
import {
  PodClasses,
  defaultProfile,
  frameworkScheduler,
  pluginRegistry,
  type ProfileSettings,
} from '@timonel/sdk/scheduling';
import type { MemoryClusterParts } from './memory-cluster.ts';

const profiles: ReadonlyMap<string, ProfileSettings> = new Map([
  ['scheduler-default', defaultProfile()],
  [
    'scheduler-binpack',
    defaultProfile({
      disabled: ['NodeResourcesBalancedAllocation'],
      plugins: [{ name: 'NodeResourcesFit', config: { scoringStrategy: { type: 'MostAllocated' } } }],
    }),
  ],
]);

/** `name`: of the plugin that the scheduler is in. */
export function schedulerAlone(name: string): MemoryClusterParts {
  const profile = profiles.get(name);
  if (profile === undefined) throw new Error(`there is no profile of ${name} to run alone`);
  const { timers } = createRealEnv();
  const scheduler = frameworkScheduler({ registry: pluginRegistry(), profiles: [profile], timers });
  const classes = new PodClasses();
  return { scheduler, infoOf: (pod: Pod) => classes.infoOf(pod) };
}
