import { isAbsolute, resolve } from 'node:path';
import { KernelError, definePlugin, nearest, pluginApiVersion, type AnyPlugin } from '@timonel/sdk';
import type { PluginEntry } from '@timonel/core';
import type { Profile, ClusterSettings } from '../profiles/profile.ts';
import { catalogue } from './catalogue.ts';
import type { ConfigFile } from './config-file.ts';
import type { DesiredState } from './desired-state.ts';
import { loadPluginFile, looksLikeFile } from './plugin-loader.ts';

/** What decides which plugins run; later parts are stronger. */
export interface SelectionInput {
  readonly profile: Profile;
  readonly settings: ClusterSettings;
  readonly configFile: ConfigFile;
  readonly desired: DesiredState;
  readonly enable: readonly string[];
  readonly disable: readonly string[];
  readonly scheduler: string | undefined;
  readonly store?: StoreChoice | undefined;
  readonly pluginCache: string;
}

/** The store instead of the profile's. */
export interface StoreChoice {
  readonly name: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Selection {
  readonly plugins: readonly PluginEntry[];
  readonly available: readonly PluginEntry[];
  /** Files that were enabled before and cannot be loaded now; the cluster starts without them. */
  readonly unloadable: readonly { readonly file: string; readonly error: unknown }[];
}

interface Choice {
  enabled: boolean;
  /** Undefined: built in. */
  file?: string;
  config?: unknown;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What `over` says, and of `base` what it does not speak of, at every depth. Lists are replaced whole. */
function merge(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over ?? base;
  return { ...base, ...Object.fromEntries(Object.entries(over).map(([key, value]) => [key, merge(base[key], value)])) };
}

/** Runs one of the built-in providers of a service, by its name or what follows `<kind>-`, and none of the others. */
function chooseProvider(
  choices: Map<string, Choice>,
  builtIns: ReadonlyMap<string, AnyPlugin>,
  kind: string,
  wanted: string,
  config?: unknown,
): void {
  const providers = [...builtIns].filter(([, plugin]) => provides(plugin, kind)).map(([name]) => name);
  const name = builtIns.has(wanted) ? wanted : `${kind}-${wanted}`;
  if (!providers.includes(name)) throw unknownPlugin(wanted, providers);
  for (const provider of providers) {
    const choice = choices.get(provider);
    if (choice !== undefined) choice.enabled = false;
  }
  const before = choices.get(name);
  choices.set(name, { ...before, enabled: true, config: merge(before?.config, config) });
}

function choose(input: SelectionInput, builtIns: ReadonlyMap<string, AnyPlugin>): Map<string, Choice> {
  const choices = new Map<string, Choice>();
  for (const entry of input.profile.entries(input.settings)) {
    choices.set(entry.plugin, { enabled: entry.enabled ?? true, config: entry.config });
  }
  for (const [name, part] of Object.entries(input.configFile.plugins ?? {})) {
    const before = choices.get(name);
    choices.set(name, {
      enabled: part.enabled ?? true,
      config: merge(before?.config, part.config),
      ...(part.file === undefined ? {} : { file: isAbsolute(part.file) ? part.file : resolve(part.file) }),
    });
  }
  for (const [name, part] of Object.entries(input.desired.plugins)) {
    const before = choices.get(name);
    choices.set(name, {
      enabled: part.enabled,
      config: merge(before?.config, part.config),
      ...(part.source === 'built-in' ? {} : { file: part.source }),
    });
  }
  for (const name of input.enable) {
    if (looksLikeFile(name)) choices.set(resolve(name), { enabled: true, file: resolve(name) });
    else choices.set(name, { ...choices.get(name), enabled: true });
  }
  for (const name of input.disable) {
    if (!choices.has(name) && !isBuiltIn(name))
      throw unknownPlugin(name, [...Object.keys(catalogue), ...choices.keys()]);
    choices.set(name, { ...choices.get(name), enabled: false });
  }
  if (input.scheduler !== undefined) chooseProvider(choices, builtIns, 'scheduler', input.scheduler);
  if (input.store !== undefined) chooseProvider(choices, builtIns, 'store', input.store.name, input.store.config);
  return choices;
}

export function provides(plugin: AnyPlugin, serviceId: string): boolean {
  return Object.values(plugin.provides as Record<string, { id: string }>).some((token) => token.id === serviceId);
}

function unknownPlugin(name: string, known: readonly string[]): KernelError {
  const near = nearest(name, known);
  const hint = near === undefined ? `Known: ${[...known].sort().join(', ')}.` : `Did you mean "${near}"?`;
  return new KernelError('ERR_PLUGIN_UNKNOWN', `There is no plugin "${name}". ${hint}`);
}

const isBuiltIn = (name: string): boolean => Object.hasOwn(catalogue, name);

/**
 * Which built-in plugins are imported. All of them: the kernel can then name providers, and list what could be enabled. Of a closed profile that is taken
 * as it is, only those which run: the others would take a third of a node's memory.
 */
function namesToLoad(input: SelectionInput): string[] {
  const { profile, settings, configFile, desired, enable, disable, scheduler, store } = input;
  const told = { ...configFile.plugins, ...desired.plugins };
  const leavesOut = disable.length > 0 || Object.values(told).some(({ enabled }) => enabled === false);
  if (profile.closed !== true || leavesOut || scheduler !== undefined || store !== undefined)
    return Object.keys(catalogue);
  const running = profile.entries(settings).filter(({ enabled }) => enabled !== false);
  const named = [...running.map(({ plugin }) => plugin), ...Object.keys(told), ...enable];
  return [...new Set(named)].filter(isBuiltIn);
}

async function loadBuiltIns(names: readonly string[]): Promise<Map<string, AnyPlugin>> {
  const loaded = await Promise.all(names.map(async (name) => [name, (await catalogue[name]?.())?.default] as const));
  return new Map(loaded.flatMap(([name, definition]) => (definition === undefined ? [] : [[name, definition]])));
}

/** Stands for a plugin whose file cannot be loaded: it fails with the reason, is listed, and can be disabled or enabled anew. */
function placeholder(name: string, file: string, error: unknown): PluginEntry {
  const definition = definePlugin({
    name,
    version: '0.0.0',
    apiVersion: pluginApiVersion,
    description: 'its file could not be loaded',
    setup() {
      throw error;
    },
  });
  return { definition, source: file };
}

/** Turns profile, file, remembered choices and flags into the list the kernel starts with. */
export async function selectPlugins(input: SelectionInput): Promise<Selection> {
  const builtIns = await loadBuiltIns(namesToLoad(input));
  const choices = choose(input, builtIns);
  const plugins: PluginEntry[] = [];
  const available: PluginEntry[] = [];
  const unloadable: { file: string; error: unknown }[] = [];
  for (const [name, choice] of choices) {
    if (choice.file !== undefined) {
      const explicit = input.enable.some((given) => looksLikeFile(given) && resolve(given) === choice.file);
      try {
        const entry = await loadPluginFile(choice.file, input.pluginCache);
        (choice.enabled ? plugins : available).push({ ...entry, config: choice.config });
      } catch (error) {
        if (explicit) throw error;
        unloadable.push({ file: choice.file, error });
        if (choice.enabled) plugins.push(placeholder(name, choice.file, error));
      }
      continue;
    }
    const definition = builtIns.get(name);
    // What a closed profile could run and does not.
    if (definition === undefined && !choice.enabled && isBuiltIn(name)) continue;
    if (definition === undefined) throw unknownPlugin(name, Object.keys(catalogue));
    (choice.enabled ? plugins : available).push({ definition, config: choice.config, source: 'built-in' });
  }
  for (const [name, definition] of builtIns) {
    if (!choices.has(name)) available.push({ definition, source: 'built-in' });
  }
  return { plugins, available, unloadable };
}
