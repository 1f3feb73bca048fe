import { checkConfig, kernelControl, kernelMetrics, type AnyPlugin, type ServiceToken } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import type { PluginEntry } from '../kernel/options.ts';
import { checkDefinition, tokensOf } from './check-definition.ts';
import { linkPlugins, providersOf, sameService, type Linked } from './links.ts';
import { quoted, type GraphProblem } from './problems.ts';
import { sortPlugins } from './visit.ts';

/** What the resolver knows of a plugin. */
export type Candidate = Omit<PluginEntry, 'source'>;

export interface GraphInput {
  readonly plugins: readonly Candidate[];
  /** Known but not enabled: named as possible providers. */
  readonly available: readonly AnyPlugin[];
  /** Services whose absence is explained by another problem. */
  readonly assumed?: readonly ServiceToken[];
}

/** A set of plugins that can start, or all the reasons why not. */
export interface Graph {
  readonly plugins: readonly Linked[];
  /** Checked configurations by plugin. */
  readonly configs: ReadonlyMap<string, unknown>;
  readonly problems: readonly GraphProblem[];
}

interface Offer {
  readonly plugin: string;
  readonly token: ServiceToken;
}

/** What the kernel provides itself. */
const ofKernel: readonly ServiceToken[] = [kernelControl, kernelMetrics];

function offersOf(definitions: readonly AnyPlugin[]): Offer[] {
  const offers = definitions.flatMap((definition) =>
    tokensOf(definition, 'provides').map(([, token]) => ({ plugin: definition.name, token })),
  );
  return [...ofKernel.map((token) => ({ plugin: 'kernel', token })), ...offers];
}

function duplicateNames(definitions: readonly AnyPlugin[]): GraphProblem[] {
  const names = definitions.map(({ name }) => name);
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) < index));
  return [...repeated].map((plugin) => {
    const count = names.filter((name) => name === plugin).length;
    return { code: 'ERR_PLUGIN_DUPLICATE', plugin, message: `${count} plugins have the name '${plugin}'` };
  });
}

function conflicts(definitions: readonly AnyPlugin[]): GraphProblem[] {
  const providers = new Map<string, string[]>();
  for (const { plugin, token } of offersOf(definitions)) {
    if (token.cardinality === 'one') getOrCreate(providers, token.id, () => []).push(plugin);
  }
  return [...providers]
    .filter(([, names]) => names.length > 1)
    .map(([id, names]) => ({
      code: 'ERR_SERVICE_CONFLICT',
      plugin: names.at(-1) ?? '',
      message: `service '${id}' may have one provider, but ${quoted(names)} provide it: enable one of them, or swap the service`,
    }));
}

function missing(
  plugin: string,
  wanted: ServiceToken,
  enabled: readonly AnyPlugin[],
  available: readonly AnyPlugin[],
): GraphProblem {
  const other = offersOf(enabled).find(({ token }) => token.id === wanted.id && token.major !== wanted.major);
  if (other !== undefined) {
    const message = `plugin '${plugin}' requires service '${wanted.id}' version ${wanted.major}, but '${other.plugin}' provides version ${other.token.major}`;
    return { code: 'ERR_SERVICE_VERSION', plugin, message };
  }
  const offers = providersOf(wanted, available);
  const hint = offers.length === 0 ? 'no known plugin offers it' : `enable one of: ${quoted(offers)}`;
  const message = `plugin '${plugin}' requires service '${wanted.id}', which no enabled plugin provides; ${hint}`;
  return { code: 'ERR_SERVICE_MISSING', plugin, message };
}

/** Links, and finds what is missing, of another version, in conflict or in a cycle. Runs nothing of any plugin. */
export function resolveServices(input: GraphInput): { plugins: Linked[]; problems: GraphProblem[] } {
  const definitions = input.plugins.map(({ definition }) => definition);
  const plugins = linkPlugins(definitions);
  const problems = conflicts(definitions);
  const elsewhere = [...ofKernel, ...(input.assumed ?? [])];
  for (const { name, needs } of plugins) {
    for (const { token, providers } of needs) {
      if (providers.length > 0 || elsewhere.some((offered) => sameService(offered, token))) continue;
      problems.push(missing(name, token, definitions, input.available));
    }
  }
  for (const path of sortPlugins(plugins).cycles) {
    const message = `plugins require each other in a cycle: ${path.join(' -> ')}`;
    problems.push({ code: 'ERR_GRAPH_CYCLE', plugin: path[0] ?? '', message });
  }
  return { plugins, problems };
}

export function configProblems({ name: plugin }: AnyPlugin, texts: readonly string[]): GraphProblem[] {
  const problem = (text: string): GraphProblem => {
    return { code: 'ERR_CONFIG_INVALID', plugin, message: `configuration of plugin '${plugin}': ${text}` };
  };
  return texts.map(problem);
}

/** Resolves a whole set before anything of it runs. */
export async function resolveGraph(input: GraphInput): Promise<Graph> {
  const problems = input.plugins.flatMap(checkDefinition);
  const broken = new Set(problems.map(({ plugin }) => plugin));
  const sound = input.plugins.filter(({ definition }) => !broken.has(definition?.name ?? '(unknown)'));
  problems.push(...duplicateNames(sound.map(({ definition }) => definition)));

  // What a broken plugin provides is missing only because of its own problem: that one is reported.
  const provided = input.plugins.flatMap(({ definition }) =>
    broken.has(definition?.name) && typeof definition.provides === 'object' ? tokensOf(definition, 'provides') : [],
  );
  const links = resolveServices({ ...input, plugins: sound, assumed: provided.map(([, token]) => token) });
  problems.push(...links.problems);

  const configs = new Map<string, unknown>();
  for (const { definition, config } of sound) {
    const check = await checkConfig(definition, config);
    if (check.ok) configs.set(definition.name, check.value);
    else problems.push(...configProblems(definition, check.problems));
  }
  return { plugins: links.plugins, configs, problems };
}
