import { pluginApiVersion, type AnyPlugin, type Isolation, type TokenRecord } from '@timonel/sdk';
import type { PluginEntry } from '../kernel/options.ts';
import type { GraphProblem } from './problems.ts';

/** What an author or an embedder gives, of whatever shape. */
interface Unchecked {
  readonly definition: unknown;
  readonly moduleUrl?: string;
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const swapModes: readonly unknown[] = ['never', 'drain', 'handover'];
const isolations: readonly unknown[] = [undefined, 'in-process', 'worker'];
const criticalities: readonly unknown[] = ['required', 'optional'];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function badTokens(definition: Readonly<Record<string, unknown>>, part: string, type: string): string[] {
  const record = definition[part];
  if (!isRecord(record)) return [`'${part}' is not an object`];
  return Object.entries(record)
    .filter(([, token]) => !isRecord(token) || token['$$type'] !== type)
    .map(([key]) => `'${part}.${key}' is not a ${type === '@timonel/hook' ? 'hook' : 'service'} token`);
}

/** What is wrong with a definition in itself. Authors who write JavaScript have no compiler to tell them. */
export function checkDefinition({ definition, moduleUrl }: Unchecked): GraphProblem[] {
  if (!isRecord(definition) || definition['$$type'] !== '@timonel/plugin') {
    const message = 'the module does not export a plugin: export default definePlugin({ … })';
    return [{ code: 'ERR_PLUGIN_INVALID', plugin: '(unknown)', message }];
  }
  const plugin = String(definition['name']);
  if (definition['apiVersion'] !== pluginApiVersion) {
    const message = `plugin '${plugin}' was made for plugin API ${String(definition['apiVersion'])}; this kernel speaks ${pluginApiVersion}`;
    return [{ code: 'ERR_PLUGIN_API_VERSION', plugin, message }];
  }
  const wrong: string[] = [];
  if (!dnsLabel.test(plugin)) wrong.push(`the name '${plugin}' is not a DNS label (a-z, 0-9, '-', at most 63)`);
  if (typeof definition['version'] !== 'string') wrong.push(`'version' is not a string`);
  if (typeof definition['setup'] !== 'function') wrong.push(`'setup' is not a function`);
  if (!swapModes.includes(definition['swap'])) wrong.push(`'swap' is not one of ${swapModes.join(', ')}`);
  if (!criticalities.includes(definition['criticality'])) {
    wrong.push(`'criticality' is not one of ${criticalities.join(', ')}`);
  }
  if (!isolations.includes(definition['isolation']))
    wrong.push(`'isolation' is not one of ${isolations.slice(1).join(', ')}`);
  for (const part of ['provides', 'requires', 'optional'])
    wrong.push(...badTokens(definition, part, '@timonel/service'));
  wrong.push(...badTokens(definition, 'hooks', '@timonel/hook'));
  const problems: GraphProblem[] = wrong.map((text) => ({
    code: 'ERR_PLUGIN_INVALID',
    plugin,
    message: `plugin '${plugin}': ${text}`,
  }));
  const isolated = definition['isolation'] === 'worker' ? workerProblems(definition as object, moduleUrl) : [];
  for (const text of isolated) {
    problems.push({ code: 'ERR_PLUGIN_CONTRACT', plugin, message: `plugin '${plugin}': isolation 'worker' ${text}` });
  }
  return problems;
}

/** Where a plugin runs: as its author says, else in a worker when one can serve it. */
export function isolationOf({ definition, moduleUrl }: PluginEntry): Isolation {
  if (definition.isolation !== undefined) return definition.isolation;
  return workerProblems(definition, moduleUrl).length === 0 ? 'worker' : 'in-process';
}

function workerProblems(definition: Partial<AnyPlugin>, moduleUrl: string | undefined): string[] {
  const problems: string[] = (['provides', 'requires', 'optional', 'hooks'] as const)
    .filter((part) => Object.keys(definition[part] ?? {}).length > 0)
    .map((part) => `may only tap hooks: '${part}' must be empty`);
  if (moduleUrl === undefined) {
    problems.push('needs the URL of a module that the worker can import: enable the plugin from its file');
  }
  return problems;
}

/** The tokens of one part of a definition. */
export function tokensOf(
  definition: AnyPlugin,
  part: 'provides' | 'requires' | 'optional',
): [string, TokenRecord[string]][] {
  return Object.entries(definition[part] as TokenRecord);
}
