/** The plugins of the Kubernetes scheduler, in its order and with its weights. */
import type { SchedulingPlugin } from '../contracts/scheduler/index.ts';
import type { PluginFactory, PluginSetting, ProfileSettings } from './profile.ts';
import { defaultPreemption, type DefaultPreemptionConfig } from './rules/default-preemption.ts';
import { imageLocality } from './rules/image-locality.ts';
import { interPodAffinity, type InterPodAffinityConfig } from './rules/inter-pod-affinity.ts';
import { nodeAffinity, type NodeAffinityConfig } from './rules/node-affinity.ts';
import { nodeName } from './rules/node-name.ts';
import { nodePorts } from './rules/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './rules/node-resources-balanced-allocation.ts';
import { nodeResourcesFit, type NodeResourcesFitConfig } from './rules/node-resources-fit.ts';
import { nodeUnschedulable } from './rules/node-unschedulable.ts';
import { nodeVolumeLimits } from './rules/node-volume-limits.ts';
import { podTopologySpread } from './rules/pod-topology-spread.ts';
import { prioritySort } from './rules/priority-sort.ts';
import { schedulingGates } from './rules/scheduling-gates.ts';
import { taintToleration } from './rules/taint-toleration.ts';
import { volumeBinding } from './rules/volume-binding.ts';
import { volumeRestrictions } from './rules/volume-restrictions.ts';
import { volumeZone } from './rules/volume-zone.ts';

interface Standard {
  readonly make: PluginFactory;
  readonly weight?: number;
}

/** In the order in which they run. Weights as in kube-scheduler's default profile. */
const standard: Readonly<Record<string, Standard>> = {
  SchedulingGates: { make: () => schedulingGates() },
  PrioritySort: { make: () => prioritySort() },
  NodeUnschedulable: { make: () => nodeUnschedulable() },
  NodeName: { make: () => nodeName() },
  TaintToleration: { make: () => taintToleration(), weight: 3 },
  NodeAffinity: { make: (config) => nodeAffinity(config as NodeAffinityConfig | undefined), weight: 2 },
  NodePorts: { make: () => nodePorts() },
  NodeResourcesFit: { make: (config) => nodeResourcesFit(config as NodeResourcesFitConfig | undefined), weight: 1 },
  VolumeRestrictions: { make: () => volumeRestrictions() },
  NodeVolumeLimits: { make: () => nodeVolumeLimits() },
  VolumeBinding: { make: () => volumeBinding() },
  VolumeZone: { make: () => volumeZone() },
  PodTopologySpread: { make: () => podTopologySpread(), weight: 2 },
  InterPodAffinity: { make: (config) => interPodAffinity(config as InterPodAffinityConfig | undefined), weight: 2 },
  NodeResourcesBalancedAllocation: {
    make: (config) => nodeResourcesBalancedAllocation(config as Parameters<typeof nodeResourcesBalancedAllocation>[0]),
    weight: 1,
  },
  ImageLocality: { make: () => imageLocality(), weight: 1 },
  DefaultPreemption: { make: (config) => defaultPreemption(config as DefaultPreemptionConfig | undefined) },
};

/** Factories by name, with those of others. A name of theirs takes the place of a standard one. */
export function pluginRegistry(more: readonly (readonly [string, PluginFactory])[] = []): Map<string, PluginFactory> {
  const own = Object.entries(standard).map(([name, { make }]) => [name, make] as const);
  return new Map([...own, ...more]);
}

/** What of the default profile is to be different. */
export interface ProfileChanges {
  readonly schedulerName?: string;
  readonly disabled?: readonly string[];
  /** Weights and configurations of plugins, and further plugins, which run after the standard ones. */
  readonly plugins?: readonly PluginSetting[];
}

/** The default profile of the Kubernetes scheduler, with changes. */
export function defaultProfile({
  schedulerName = 'default-scheduler',
  disabled = [],
  plugins = [],
}: ProfileChanges = {}): ProfileSettings {
  const changed = new Map(plugins.map((setting) => [setting.name, setting]));
  const settings = Object.entries(standard)
    .filter(([name]) => !disabled.includes(name))
    .map(([name, { weight }]): PluginSetting => ({
      name,
      ...(weight === undefined ? {} : { weight }),
      ...changed.get(name),
    }));
  const further = plugins.filter(({ name }) => !Object.hasOwn(standard, name));
  return { schedulerName, plugins: [...settings, ...further] };
}

/** Everything that says where a pod can go: the filters of the default profile, with queue order, gates and preemption, but no scores. */
export function standardFilters(): SchedulingPlugin[] {
  return Object.values(standard).map(({ make }) => withoutScore(make(undefined)));
}

function withoutScore(plugin: SchedulingPlugin): SchedulingPlugin {
  const filters: { -readonly [Key in keyof SchedulingPlugin]: SchedulingPlugin[Key] } = { ...plugin };
  delete filters.score;
  delete filters.preScore;
  return filters;
}
