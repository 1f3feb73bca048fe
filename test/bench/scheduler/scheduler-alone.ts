/** A scheduler's plugin in a kernel that has nothing else. */
import { tmpdir } from 'node:os';
import { createKernel, createRealEnv } from '@timonel/core';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import type { Pod } from '@timonel/sdk/kube';
import { PodClasses } from '@timonel/sdk/scheduling';
import type { MemoryClusterParts } from './memory-cluster.ts';

export interface SchedulerAlone extends MemoryClusterParts {
  readonly close: () => Promise<void>;
}

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (...line: unknown[]) => console.error(...line),
  error: (...line: unknown[]) => console.error(...line),
  child: () => log,
};

/** `name`: of the plugin that the scheduler is in. */
export async function schedulerAlone(name: string): Promise<SchedulerAlone> {
  const { default: definition } = (await import(`@timonel/plugin-${name}`)) as { default: AnyPlugin };
  const classes = new PodClasses();
  const infoOf = (pod: Pod): ReturnType<PodClasses['infoOf']> => classes.infoOf(pod);
  const kernel = createKernel({
    env: createRealEnv(),
    log,
    plugins: [{ definition, source: 'built-in', config: {} }],
    dataDirOf: () => tmpdir(),
  });
  await kernel.start();
  return { scheduler: kernel.service(scheduler), infoOf, close: () => kernel.stop('shutdown').then(() => undefined) };
}
