/** Which plugins a scheduler runs for pods of one `spec.schedulerName`, in which order and with which weights. */
import { didYouMean } from '../kernel/index.ts';
import type { SchedulingPlugin } from '../contracts/scheduler/index.ts';

export interface PluginSetting {
  /** As in Kubernetes: `NodeResourcesFit`. */
  readonly name: string;
  /** Of its scores. Default: the plugin's own. 0: its scores do not count. */
  readonly weight?: number;
  /** Handed to the plugin as it is. */
  readonly config?: unknown;
}

/** How many of the nodes that can take a pod are scored, where scores look at the whole cluster. */
export interface SamplingSettings {
  /** Up to so many nodes all are scored. Default: 10,000. */
  readonly aboveNodes?: number;
  /** Share of the nodes, in percent. Default: the less the more nodes there are, 5 at least. */
  readonly percentage?: number;
}

export interface ProfileSettings {
  readonly schedulerName: string;
  /** In the order in which they run. */
  readonly plugins: readonly PluginSetting[];
  readonly sampling?: SamplingSettings;
}

/** Makes a plugin. @throws Error for a configuration that it does not take */
export type PluginFactory = (config: unknown) => SchedulingPlugin;

export type PluginRegistry = ReadonlyMap<string, PluginFactory>;

export interface ScoringPlugin {
  readonly plugin: SchedulingPlugin & Required<Pick<SchedulingPlugin, 'score'>>;
  readonly weight: number;
}

/** A profile, ready to run. */
export interface Profile {
  readonly schedulerName: string;
  readonly settings: ProfileSettings;
  readonly all: readonly SchedulingPlugin[];
  /** Those that see rows alone, and those that look at the whole cluster. */
  readonly rowFilters: readonly SchedulingPlugin[];
  readonly clusterFilters: readonly SchedulingPlugin[];
  readonly rowScores: readonly ScoringPlugin[];
  readonly clusterScores: readonly ScoringPlugin[];
}

const canFilter = (plugin: SchedulingPlugin): boolean => plugin.filter !== undefined || plugin.preFilter !== undefined;

function scoring(plugin: SchedulingPlugin, weight: number | undefined): ScoringPlugin[] {
  const effective = weight ?? plugin.weight ?? 1;
  return plugin.score === undefined || effective === 0
    ? []
    : [{ plugin: plugin as ScoringPlugin['plugin'], weight: effective }];
}

/** Whether a score can change with other rows. */
function needsAll(plugin: SchedulingPlugin): boolean {
  return plugin.scoreScope === 'cluster' || typeof plugin.normalize === 'function';
}

/** @throws Error that says which plugin is unknown, doubled or configured wrongly */
export function makeProfile(settings: ProfileSettings, registry: PluginRegistry): Profile {
  const seen = new Set<string>();
  const made = settings.plugins.map(({ name, weight, config }) => {
    const factory = registry.get(name);
    if (factory === undefined) {
      const hint = didYouMean(name, [...registry.keys()]);
      throw new Error(`profile "${settings.schedulerName}" has a plugin "${name}" that nobody offers${hint}`);
    }
    if (seen.has(name)) throw new Error(`profile "${settings.schedulerName}" has the plugin "${name}" twice`);
    seen.add(name);
    if (weight !== undefined && !(Number.isFinite(weight) && weight >= 0)) {
      throw new Error(`profile "${settings.schedulerName}" gives "${name}" the weight ${weight}: it must be 0 or more`);
    }
    return { plugin: factory(config), weight };
  });
  const all = made.map(({ plugin }) => plugin);
  const scores = made.flatMap(({ plugin, weight }) => scoring(plugin, weight));
  const isCluster = (plugin: SchedulingPlugin): boolean => plugin.filterScope === 'cluster';
  return {
    schedulerName: settings.schedulerName,
    settings,
    all,
    rowFilters: all.filter((plugin) => canFilter(plugin) && !isCluster(plugin)),
    clusterFilters: all.filter((plugin) => canFilter(plugin) && isCluster(plugin)),
    rowScores: scores.filter(({ plugin }) => !needsAll(plugin)),
    clusterScores: scores.filter(({ plugin }) => needsAll(plugin)),
  };
}
