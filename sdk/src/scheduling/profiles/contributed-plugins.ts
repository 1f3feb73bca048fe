/** Plugins of the scheduling framework that other plugins contribute, which come and go while the scheduler runs. */
import { errorMessage, type Logger, type Many } from '../../kernel/index.ts';
import type { SchedulingPlugin, SchedulingPlugins } from '../../contracts/scheduler/index.ts';
import type { PluginFactory } from '../profile.ts';

export class ContributedPlugins {
  readonly #providers: Many<SchedulingPlugins>;
  readonly #log: Logger;
  /** Made once for each provider, since a plugin may keep state of its own. */
  #made: ReadonlyMap<SchedulingPlugins, readonly SchedulingPlugin[]> = new Map();

  constructor(providers: Many<SchedulingPlugins>, log: Logger) {
    this.#providers = providers;
    this.#log = log;
  }

  /** By name, of the providers that there are now. Of two with one name the first counts. */
  factories(): (readonly [string, PluginFactory])[] {
    const before = this.#made;
    const made = new Map<SchedulingPlugins, readonly SchedulingPlugin[]>();
    const byName = new Map<string, PluginFactory>();
    for (const { plugin: provider, service } of this.#providers.all()) {
      const plugins = before.get(service) ?? this.#make(provider, service);
      made.set(service, plugins);
      for (const plugin of plugins) this.#add(byName, provider, plugin);
    }
    this.#made = made;
    return [...byName];
  }

  #add(byName: Map<string, PluginFactory>, provider: string, plugin: SchedulingPlugin): void {
    const { name } = plugin;
    if (byName.has(name)) {
      this.#log.warn({ plugin: provider, name }, 'a plugin of the scheduling framework is contributed twice');
      return;
    }
    byName.set(name, (config) => {
      if (config === undefined) return plugin;
      throw new Error(`"${name}" is configured by the configuration of the plugin ${provider}, which contributes it`);
    });
  }

  #make(provider: string, service: SchedulingPlugins): readonly SchedulingPlugin[] {
    try {
      const plugins = service.make();
      if (plugins.every(({ name }) => typeof name === 'string' && name !== '')) return plugins;
      throw new TypeError('a plugin without a name');
    } catch (error) {
      const fields = { plugin: provider, err: { message: errorMessage(error) } };
      this.#log.warn(fields, 'contributes no plugins of the scheduling framework');
      return [];
    }
  }
}
