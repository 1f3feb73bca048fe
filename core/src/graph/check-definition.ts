import { pluginApiVersion, type AnyPlugin, type Isolation, type KernelErrorCode, type TokenRecord } from '@timonel/sdk';
import type { GraphProblem } from './problems.ts';
import type { Candidate } from './resolve.ts';

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const choices: Readonly<Record<string, readonly (string | undefined)[]>> = {
  swap: ['never', 'drain', 'handover'],
  criticality: ['required', 'optional'],
  isolation: ['in-process', 'worker', undefined],
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function badTokens(definition: Readonly<Record<string, unknown>>, part: string): string[] {
  const record = definition[part];
  if (!isRecord(record)) return [`'${part}' is not an object`];
  const kind = part === 'hooks' ? 'hook' : 'service';
  return Object.entries(record)
    .filter(([, token]) => !isRecord(token) || token['$$type'] !== `@timonel/${kind}`)
    .map(([key]) => `'${part}.${key}' is not a ${kind} token`);
}

/** What is wrong with a definition in itself. Authors who write JavaScript have no compiler to tell them. */
export function checkDefinition({ definition: given, moduleUrl }: Candidate): GraphProblem[] {
  const definition: unknown = given;
  if (!isRecord(definition) || definition['$$type'] !== '@timonel/plugin') {
    const message = 'the module does not export a plugin: export default definePlugin({ … })';
    return [{ code: 'ERR_PLUGIN_INVALID', plugin: '(unknown)', message }];
  }
  const plugin = String(definition['name']);
  if (definition['apiVersion'] !== pluginApiVersion) {
    const message = `plugin '${plugin}' was made for plugin API ${String(definition['apiVersion'])}; this kernel speaks ${pluginApiVersion}`;
    return [{ code: 'ERR_PLUGIN_API_VERSION', plugin, message }];
  }
  const problems: GraphProblem[] = [];
  const wrong = (text: string, code: KernelErrorCode = 'ERR_PLUGIN_INVALID'): void => {
    problems.push({ code, plugin, message: `plugin '${plugin}': ${text}` });
  };
  if (!dnsLabel.test(plugin)) wrong(`the name '${plugin}' is not a DNS label (a-z, 0-9, '-', at most 63)`);
  if (typeof definition['version'] !== 'string') wrong(`'version' is not a string`);
  if (typeof definition['setup'] !== 'function') wrong(`'setup' is not a function`);
  for (const [field, values] of Object.entries(choices)) {
    const known = values.filter((value) => value !== undefined);
    if (!values.some((value) => value === definition[field])) wrong(`'${field}' is not one of ${known.join(', ')}`);
  }
  for (const part of ['provides', 'requires', 'optional', 'hooks']) {
    for (const text of badTokens(definition, part)) wrong(text);
  }
  if (definition['isolation'] === 'worker') {
    for (const text of workerProblems(given, moduleUrl)) wrong(`isolation 'worker' ${text}`, 'ERR_PLUGIN_CONTRACT');
  }
  return problems;
}

/** Where a plugin runs: as its author says, else in a worker when one can serve it. */
export function isolationOf({ definition, moduleUrl }: Candidate): Isolation {
  if (definition.isolation !== undefined) return definition.isolation;
  return workerProblems(definition, moduleUrl).length === 0 ? 'worker' : 'in-process';
}

function workerProblems(definition: AnyPlugin, moduleUrl: string | undefined): string[] {
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
