/** The evictions of one node, from its configuration. */
import type { AgentContext } from '../agent-context.ts';
import { durationMs } from '../durations.ts';
import { podMemoryBytes } from '../node/allocatable.ts';
import type { Machine } from '../node/machine.ts';
import { Evictions, type EvictionPolicy, type EvictionParts } from './evictions.ts';
import { measureNode, type MeasureNode } from './measure-node.ts';
import { PodMeasures, type PodMeasuresParts } from './measure-pods.ts';
import { thresholdsOf } from './thresholds.ts';

export function evictionPolicyOf(
  config: AgentContext['config'],
  machine: Pick<Machine, 'memoryBytes'>,
): EvictionPolicy {
  const ofPods = podMemoryBytes(machine.memoryBytes, config);
  return {
    thresholds: thresholdsOf(config),
    transitionMs: durationMs(config.evictionPressureTransitionPeriod) ?? 0,
    intervalMs: config.evictionIntervalMs,
    maxPodGraceMs: config.evictionMaxPodGracePeriod * 1000,
    allocatableMemoryBytes: ofPods < machine.memoryBytes ? ofPods : undefined,
  };
}

type Given = Pick<EvictionParts, 'workers' | 'freeImages' | 'event' | 'nodeEvent' | 'changed'> &
  Pick<PodMeasuresParts, 'volumes'>;

export function buildEvictions(
  { config, dataDir, deps, env, log }: AgentContext,
  machine: Machine,
  given: Given,
  measure: MeasureNode = measureNode,
): Evictions {
  let imagePath: string | undefined;
  const runtimes = () => deps.runtimes.all().map(({ service }) => service);
  return new Evictions({
    ...given,
    env,
    log,
    policy: evictionPolicyOf(config, machine),
    pods: new PodMeasures({ dataDir, clock: env.clock, log, volumes: given.volumes, runtimes }),
    measureNode: async () => {
      // Told with what the images take, which costs more than a look at the filesystem.
      imagePath ??= (await deps.images.usage()).path;
      return measure({ data: dataDir, images: imagePath });
    },
  });
}
