import { errorMessage } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { AnyPlugin } from '../plugin.ts';
import { keysAt } from './schema-keys.ts';

/** A checked configuration, or every problem it has. */
export type ConfigCheck =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly string[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type StandardResult = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

function dotted(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** zod names the keys that a strict object does not know in `keys`. */
function unknownKeys(issue: Issue): readonly string[] {
  if (!('code' in issue) || issue.code !== 'unrecognized_keys' || !('keys' in issue)) return [];
  return Array.isArray(issue.keys) ? issue.keys.map(String) : [];
}

function describe(schema: unknown, issue: Issue): string[] {
  const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  const unknown = unknownKeys(issue);
  if (unknown.length === 0) {
    const where = path.length === 0 ? '' : `'${dotted(path)}': `;
    return [`${where}${issue.message}`];
  }
  const valid = keysAt(schema, path);
  return unknown.map((key) => {
    const suggestion = didYouMean(key, valid);
    const hint = suggestion === '' && valid.length > 0 ? ` (valid keys: ${valid.join(', ')})` : suggestion;
    return `unknown key '${dotted([...path, key])}'${hint}`;
  });
}

/** Runs the plugin's schema over its configuration; no configuration counts as an empty one, so that defaults apply. */
export async function checkConfig(definition: AnyPlugin, config: unknown): Promise<ConfigCheck> {
  const given: unknown = config ?? {};
  const schema: unknown = definition.config;
  if (schema === undefined || schema === null) {
    const keys = typeof given === 'object' && given !== null ? Object.keys(given) : ['(not an object)'];
    if (keys.length === 0) return { ok: true, value: {} };
    return { ok: false, problems: [`takes no configuration, but was given: ${keys.join(', ')}`] };
  }
  const standard = (schema as { '~standard'?: { validate?: (value: unknown) => unknown } })['~standard'];
  if (typeof standard?.validate !== 'function') {
    return { ok: false, problems: [`'config' of the plugin is not a Standard Schema`] };
  }
  try {
    const result = (await standard.validate(given)) as StandardResult;
    if (result.issues === undefined) return { ok: true, value: result.value };
    return { ok: false, problems: result.issues.flatMap((issue) => describe(schema, issue)) };
  } catch (error) {
    return { ok: false, problems: [`the schema threw: ${errorMessage(error)}`] };
  }
}
