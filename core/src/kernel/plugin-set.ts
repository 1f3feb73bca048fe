import { KernelError, checkConfig, definePlugin, didYouMean, withDeadline } from '@timonel/sdk';
import { checkDefinition } from '../graph/check-definition.ts';
import { linkPlugins, type Linked } from '../graph/links.ts';
import { problemsError } from '../graph/problems.ts';
import { configProblems, resolveServices, type Candidate } from '../graph/resolve.ts';
import { describeError, PluginRecord } from '../lifecycle/plugin-record.ts';
import type { KernelOptions, PluginEntry } from './options.ts';
import type { KernelParts } from './parts.ts';

const pluginFile = /[/\\]|\.(ts|mts|js|mjs)$/;

/** The plugins the kernel knows: by name, by file, and as a graph. */
export class PluginSet {
  private readonly parts: KernelParts;
  private readonly loadPlugin: KernelOptions['loadPlugin'];

  constructor(parts: KernelParts, loadPlugin: KernelOptions['loadPlugin']) {
    this.parts = parts;
    this.loadPlugin = loadPlugin;
  }

  add(entry: PluginEntry, enabled: boolean): PluginRecord {
    const record = new PluginRecord(entry, enabled, this.parts);
    this.parts.records.set(record.name, record);
    return record;
  }

  /** @throws KernelError ERR_PLUGIN_UNKNOWN */
  byName(name: string): PluginRecord {
    const record = this.parts.records.get(name);
    if (record !== undefined) return record;
    const message = `there is no plugin '${name}'${didYouMean(name, this.parts.records.keys())}`;
    throw new KernelError('ERR_PLUGIN_UNKNOWN', message, { plugin: name });
  }

  /**
   * The record for a name or a file. A file is read anew each time; a plugin that failed and came from a file, too.
   * A file that cannot be loaded is kept as a failed plugin under the file's name, so that the list shows it.
   */
  async find(nameOrFile: string): Promise<PluginRecord> {
    if (pluginFile.test(nameOrFile)) return this.load(nameOrFile);
    const record = this.byName(nameOrFile);
    const fromFile = record.entry.source !== 'built-in' && this.loadPlugin !== undefined;
    return fromFile && record.life === undefined ? this.load(record.entry.source) : record;
  }

  /** Plugins that are wanted and have a life (or wait for the next one). */
  present(): PluginRecord[] {
    return [...this.parts.records.values()].filter(({ enabled, state }) => enabled && state !== 'failed');
  }

  links(records: readonly PluginRecord[] = this.present()): Linked[] {
    return linkPlugins(records.map(({ entry }) => entry.definition));
  }

  /** Checks that `record` can run with what is present (less `without`). Its config is checked and kept. */
  async check(record: PluginRecord, config: unknown, without?: PluginRecord): Promise<void> {
    const { definition } = record.entry;
    const own = checkDefinition(record.entry);
    if (own.length > 0) throw problemsError(own);
    const others = this.present().filter((other) => other !== record && other !== without);
    const plugins: Candidate[] = [...others, record].map(({ entry }) => entry);
    const available = [...this.parts.records.values()].filter(({ enabled }) => !enabled);
    const { problems } = resolveServices({
      plugins,
      available: available.map(({ entry }) => entry.definition),
    });
    const lost = (code: string): boolean => without !== undefined && code === 'ERR_SERVICE_MISSING';
    const mine = problems.filter(
      ({ plugin, code }) => plugin === record.name || code === 'ERR_GRAPH_CYCLE' || lost(code),
    );
    if (mine.length > 0) throw problemsError(mine);
    const checked = await checkConfig(definition, config);
    if (!checked.ok) throw problemsError(configProblems(definition, checked.problems));
    record.config = checked.value;
  }

  /** Plugins that could not run without `record`. */
  dependents(record: PluginRecord): string[] {
    return this.links()
      .filter(({ needs }) => needs.some(({ providers }) => providers.length === 1 && providers[0] === record.name))
      .map(({ name }) => name)
      .filter((name) => name !== record.name);
  }

  private async load(file: string): Promise<PluginRecord> {
    if (this.loadPlugin === undefined) {
      throw new KernelError('ERR_PLUGIN_IMPORT', `cannot load '${file}': this kernel was made without a loader`);
    }
    const { importMs } = this.parts.limits;
    try {
      const work = this.loadPlugin(file);
      const entry = await withDeadline(this.parts.deadlines, importMs, work, () => {
        return new KernelError('ERR_PLUGIN_TIMEOUT', `the import of '${file}' did not end within ${importMs} ms`);
      });
      const problems = checkDefinition(entry);
      if (problems.length > 0) throw problemsError(problems);
      return this.adopt(entry);
    } catch (error) {
      this.keepUnloadable(file, error);
      throw error;
    }
  }

  private adopt(entry: PluginEntry): PluginRecord {
    const known = this.parts.records.get(entry.definition.name);
    if (known === undefined) return this.add(entry, false);
    if (known.entry.source !== entry.source && (known.entry.source === 'built-in' || known.life !== undefined)) {
      const message = `'${entry.source}' is named '${known.name}' like the plugin from '${known.entry.source}': rename it`;
      throw new KernelError('ERR_PLUGIN_DUPLICATE', message, { plugin: known.name });
    }
    if (known.life === undefined) known.entry = { ...entry, config: entry.config ?? known.entry.config };
    return known;
  }

  private keepUnloadable(file: string, error: unknown): void {
    const name = (file.split(/[/\\]/).at(-1) ?? file).replace(/\.[a-z]+$/, '');
    const known = this.parts.records.get(name);
    if (known !== undefined && (known.life !== undefined || known.entry.source === 'built-in')) return;
    const definition = definePlugin({
      name,
      version: 'unknown',
      apiVersion: 1,
      description: `could not be loaded from ${file}`,
      setup: () => {
        throw error;
      },
    });
    const record = known ?? this.add({ definition, source: file }, false);
    record.moveTo('failed', describeError(error));
  }
}
