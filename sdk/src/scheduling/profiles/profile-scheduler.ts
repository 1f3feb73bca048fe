/** A scheduler made of profiles: configured, changed while it runs, and extended by plugins that others contribute. */
import type { Env, Logger, Many } from '../../kernel/index.ts';
import type { RouteProvider } from '../../contracts/api-server/index.ts';
import type { SchedulingPlugins } from '../../contracts/scheduler/index.ts';
import { frameworkScheduler, type BatchOrder, type FrameworkScheduler } from '../framework.ts';
import type { PluginFactory, ProfileSettings } from '../profile.ts';
import { pluginRegistry, type ProfileChanges } from '../standard-plugins.ts';
import { checkProfiles, type ProfileProblem } from './check-profiles.ts';
import { ContributedPlugins } from './contributed-plugins.ts';
import { profileBase, type ProfileBase } from './profile-base.ts';
import type { ProfilesConfig } from './profile-config.ts';
import { profileRoutes } from './profile-routes.ts';

/** What of a plugin's context is needed. */
export interface ProfileSchedulerContext {
  readonly name: string;
  readonly env: Pick<Env, 'timers'>;
  readonly log: Logger;
  readonly deps: { readonly plugins: Many<SchedulingPlugins> };
  readonly config: ProfilesConfig;
}

export interface ProfileSchedulerParts {
  /** Default: the default profile of Kubernetes. */
  readonly base?: ProfileBase;
  /** Plugins of the scheduling framework of its own. */
  readonly own?: readonly (readonly [string, PluginFactory])[];
  readonly order?: BatchOrder;
}

export class LiveProfiles {
  readonly scheduler: FrameworkScheduler;
  readonly name: string;
  readonly #log: Logger;
  readonly #base: ProfileBase;
  readonly #own: readonly (readonly [string, PluginFactory])[];
  readonly #contributed: ContributedPlugins;
  /** The scheduler holds it: it is changed in place. */
  readonly #registry: Map<string, PluginFactory>;
  #changes: readonly ProfileChanges[];

  /** @throws Error that names every field of the configuration that is wrong */
  constructor({ name, env, log, deps, config }: ProfileSchedulerContext, parts: ProfileSchedulerParts) {
    const { base = profileBase(), own = [], order } = parts;
    this.name = name;
    this.#log = log;
    this.#base = base;
    this.#own = own;
    this.#contributed = new ContributedPlugins(deps.plugins, log);
    this.#registry = pluginRegistry([...own, ...this.#contributed.factories()]);
    this.#changes = config.profiles;
    const problems = checkProfiles(config.profiles, this.#registry);
    if (problems.length > 0) throw new Error(problems.map(({ field, message }) => `${field}: ${message}`).join('; '));
    this.scheduler = frameworkScheduler({
      registry: this.#registry,
      profiles: this.#effective(config.profiles),
      timers: env.timers,
      ...(order === undefined ? {} : { order }),
    });
    deps.plugins.onChange(() => this.#renew());
  }

  get changes(): readonly ProfileChanges[] {
    return this.#changes;
  }

  /** Names of all plugins that a profile may have. */
  get available(): readonly string[] {
    return [...this.#registry.keys()];
  }

  /** Plugins that profiles name and that nobody offers now. */
  get absent(): readonly string[] {
    const named = this.#changes.flatMap(({ plugins = [] }) => plugins.map(({ name }) => name));
    return [...new Set(named)].filter((name) => !this.#registry.has(name));
  }

  /** From the next decision on; nothing changes when there are problems. */
  set(changes: readonly ProfileChanges[]): readonly ProfileProblem[] {
    const problems = checkProfiles(changes, this.#registry);
    if (problems.length > 0) return problems;
    this.scheduler.configure(this.#effective(changes));
    this.#changes = changes;
    this.#log.info({ profiles: changes.map(({ schedulerName }) => schedulerName) }, 'profiles were changed');
    return [];
  }

  #effective(changes: readonly ProfileChanges[]): ProfileSettings[] {
    return changes.map((change) => {
      const { schedulerName, plugins } = this.#base(change);
      return { schedulerName, plugins: plugins.filter(({ name }) => this.#registry.has(name)) };
    });
  }

  /** Somebody who contributes plugins came or went. */
  #renew(): void {
    const before = this.absent;
    const next = pluginRegistry([...this.#own, ...this.#contributed.factories()]);
    this.#registry.clear();
    for (const [name, factory] of next) this.#registry.set(name, factory);
    const gone = this.absent.filter((name) => !before.includes(name));
    if (gone.length > 0)
      this.#log.warn({ plugins: gone }, 'pods are placed without plugins that nobody offers any more');
    this.scheduler.configure(this.#effective(this.#changes));
  }
}

/** The services of a scheduler made of profiles. @throws Error that names every field of the configuration that is wrong */
export function profileScheduler(
  context: ProfileSchedulerContext,
  parts: ProfileSchedulerParts = {},
): { readonly scheduler: FrameworkScheduler; readonly routes: RouteProvider } {
  const profiles = new LiveProfiles(context, parts);
  const routes = Object.freeze(profileRoutes(profiles));
  return { scheduler: profiles.scheduler, routes: { routes: () => routes } };
}
