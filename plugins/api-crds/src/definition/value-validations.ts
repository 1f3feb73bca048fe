/** `allOf`, `anyOf`, `oneOf` and `not` may say what values must be, but not of which form: that is the structural schema's to say. */
import type { Findings } from '@timonel/sdk/kube';
import { patternProblem } from '../schema/patterns.ts';
import { isJson, type Json } from '../schema/schema.ts';

const empty = ['description', 'type', 'title'];
const undefinedOnes = ['additionalProperties', 'default', 'example', 'externalDocs'];
const falseOnes = [
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
];
const emptyExtensions = ['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'];

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** int-or-string may say in the usual way what it is. */
function isIntOrString(raw: Json, name: string, all: readonly unknown[]): boolean {
  if (raw['x-kubernetes-int-or-string'] !== true) return false;
  if (name === 'allOf') return true;
  const types = all.map((one) => (isJson(one) && Object.keys(one).length === 1 ? one['type'] : undefined));
  return name === 'anyOf' && types.length === 2 && types.includes('integer') && types.includes('string');
}

/** `raw`: the schema that holds validations; `form`: the structural schema of the same place. */
export function checkValueValidations(raw: Json, form: Json | undefined, path: string, found: Findings): void {
  for (const name of ['allOf', 'anyOf', 'oneOf']) {
    const all = raw[name];
    if (!Array.isArray(all)) continue;
    if (raw === form && isIntOrString(raw, name, all)) continue;
    all.forEach((one, index) => {
      if (isJson(one)) checkNested(one, form, `${path}.${name}[${index}]`, found);
    });
  }
  if (isJson(raw['not'])) checkNested(raw['not'], form, `${path}.not`, found);
}

function checkNested(raw: Json, form: Json | undefined, path: string, found: Findings): void {
  if (typeof raw['pattern'] === 'string') {
    const problem = patternProblem(raw['pattern']);
    const text = `must be a valid regular expression, but isn't: ${problem}`;
    if (problem !== undefined) found.invalid(`${path}.pattern`, raw['pattern'], text);
  }
  for (const name of [...empty, ...emptyExtensions]) {
    if (isGiven(raw[name])) found.forbidden(`${path}.${name}`, 'must be empty to be structural');
  }
  for (const name of undefinedOnes) {
    if (isGiven(raw[name])) found.forbidden(`${path}.${name}`, 'must be undefined to be structural');
  }
  for (const name of falseOnes) {
    if (raw[name] === true) found.forbidden(`${path}.${name}`, 'must be false to be structural');
  }
  checkForms(raw, form, path, found);
  checkValueValidations(raw, form, path, found);
}

/** Every place of which something is said must be there in the structural schema. */
function checkForms(raw: Json, form: Json | undefined, path: string, found: Findings): void {
  const { properties, items } = raw;
  if (isJson(items)) {
    const inner = isJson(form?.['items']) ? form['items'] : undefined;
    if (inner === undefined) missing(`${path}.items`, found);
    checkNested(items, inner, `${path}.items`, found);
  }
  if (!isJson(properties)) return;
  const known = isJson(form?.['properties']) ? form['properties'] : {};
  for (const [name, one] of Object.entries(properties)) {
    if (!isJson(one)) continue;
    const inner = Object.hasOwn(known, name) && isJson(known[name]) ? known[name] : undefined;
    const at = `${path}.properties[${name}]`;
    if (inner === undefined && !isJson(form?.['additionalProperties'])) missing(at, found);
    checkNested(one, inner, at, found);
  }
}

/** As the place is called outside of all of `allOf`, `anyOf`, `oneOf` and `not`. */
function missing(path: string, found: Findings): void {
  const outside = path.replaceAll(/\.(?:(?:allOf|anyOf|oneOf)\[\d+\]|not)/g, '');
  found.required(outside, `because it is defined in ${path}`);
}
