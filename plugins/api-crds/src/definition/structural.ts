/** What makes a schema structural, and what schemas of definitions may not say, in the words of the real server. */
import type { Findings } from '@timonel/sdk/kube';
import { Budget } from '../schema/budget.ts';
import { Check } from '../schema/check.ts';
import { Defaulting } from '../schema/defaults.ts';
import { patternProblem } from '../schema/patterns.ts';
import { Pruning } from '../schema/prune.ts';
import { isJson, Schema, type Json } from '../schema/schema.ts';
import { checkLists } from './lists.ts';
import { checkValueValidations } from './value-validations.ts';

/** Beyond these a schema takes more than it could give. */
const mostSchemas = 50_000;
const mostLevels = 200;
const schemasOfStep = 16;

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const unsupported = ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$schema'];

type Level = 'root' | 'items' | 'fields';
const levelTexts: Readonly<Record<Level, string>> = {
  root: 'at the root',
  items: 'for specified array items',
  fields: 'for specified object fields',
};

export class StructuralCheck {
  readonly #found: Findings;
  /** Of all defaults together. */
  readonly #budget = new Budget();
  #schemas = 0;

  constructor(found: Findings) {
    this.#found = found;
  }

  /** In steps, between which others may have their turn. */
  *check(raw: Json, path: string): Generator<void> {
    yield* this.#schema(new Schema(raw), path, 'root', 0);
  }

  *#schema(schema: Schema, path: string, level: Level, depth: number): Generator<void> {
    const { raw } = schema;
    this.#schemas += 1;
    if (this.#schemas % schemasOfStep === 0) yield;
    if (depth > mostLevels || this.#schemas > mostSchemas) {
      // Once: everything below would say the same.
      if (this.#schemas <= mostSchemas || this.#schemas === mostSchemas + 1) {
        this.#found.forbidden(path, `schemas may be ${mostLevels} levels deep and consist of ${mostSchemas} schemas`);
      }
      return;
    }
    this.#forbidden(raw, path);
    this.#type(raw, path, level);
    this.#extensions(raw, path, level);
    this.#values(raw, path);
    checkLists(raw, path, this.#found);
    checkValueValidations(raw, raw, path, this.#found);
    yield* this.#below(schema, path, depth);
    this.#default(schema, path);
  }

  *#below({ properties, items, values }: Schema, path: string, depth: number): Generator<void> {
    for (const [name, one] of properties) yield* this.#schema(one, `${path}.properties[${name}]`, 'fields', depth + 1);
    if (items !== undefined) yield* this.#schema(items, `${path}.items`, 'items', depth + 1);
    if (typeof values === 'object') yield* this.#schema(values, `${path}.additionalProperties`, 'fields', depth + 1);
  }

  #forbidden(raw: Json, path: string): void {
    const found = this.#found;
    for (const name of unsupported) {
      if (raw[name] !== undefined && raw[name] !== null) found.forbidden(`${path}.${name}`, `${name} is not supported`);
    }
    if (raw['uniqueItems'] === true) {
      found.forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      );
    }
    if (raw['additionalProperties'] === false) {
      found.forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false');
    }
    if (
      isJson(raw['properties']) &&
      raw['additionalProperties'] !== undefined &&
      raw['additionalProperties'] !== false
    ) {
      found.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
    }
    if (Array.isArray(raw['items'])) {
      found.forbidden(`${path}.items`, 'items must be a schema object and not an array');
    }
  }

  #type(raw: Json, path: string, level: Level): void {
    const found = this.#found;
    const { type } = raw;
    const free = raw['x-kubernetes-int-or-string'] === true || raw['x-kubernetes-preserve-unknown-fields'] === true;
    if (type === undefined || type === '') {
      if (level === 'root' || !free) found.required(`${path}.type`, `must not be empty ${levelTexts[level]}`);
      return;
    }
    if (raw['x-kubernetes-int-or-string'] === true) {
      found.invalid(`${path}.type`, type, 'must be empty if x-kubernetes-int-or-string is true');
    } else if (typeof type !== 'string' || !types.includes(type)) found.notSupported(`${path}.type`, type, types);
    if (level === 'root' && type !== 'object') found.invalid(`${path}.type`, type, 'must be object at the root');
    if (type === 'array' && !isJson(raw['items']) && !Array.isArray(raw['items'])) {
      found.required(`${path}.items`, 'must be specified');
    }
  }

  #extensions(raw: Json, path: string, level: Level): void {
    const found = this.#found;
    const { type } = raw;
    if (level === 'root') {
      for (const name of ['x-kubernetes-int-or-string', 'x-kubernetes-embedded-resource']) {
        if (raw[name] === true) found.forbidden(`${path}.${name}`, 'must be false at the root');
      }
      if (raw['nullable'] === true) found.forbidden(`${path}.nullable`, 'nullable cannot be true at the root');
    }
    if (raw['x-kubernetes-preserve-unknown-fields'] === false) {
      found.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
    }
    if (raw['x-kubernetes-embedded-resource'] === true) {
      if (type !== 'object') {
        found.invalid(`${path}.type`, type ?? '', 'must be object if x-kubernetes-embedded-resource is true');
      }
      if (raw['x-kubernetes-preserve-unknown-fields'] !== true && !isJson(raw['properties'])) {
        const why =
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
        found.required(`${path}.properties`, why);
      }
    }
    if (level === 'root' || raw['x-kubernetes-embedded-resource'] === true) this.#metadata(raw, path);
  }

  /** Of a resource: what its metadata is, nobody but the server says. */
  #metadata(raw: Json, path: string): void {
    const properties = isJson(raw['properties']) ? raw['properties'] : {};
    for (const name of ['apiVersion', 'kind']) {
      const one = properties[name];
      if (isJson(one) && one['type'] !== 'string') {
        this.#found.invalid(`${path}.properties[${name}].type`, one['type'] ?? '', 'must be string');
      }
    }
    const { metadata } = properties;
    if (!isJson(metadata)) return;
    const at = `${path}.properties[metadata]`;
    if (metadata['type'] !== 'object') this.#found.invalid(`${at}.type`, metadata['type'] ?? '', 'must be object');
    const inner = isJson(metadata['properties']) ? metadata['properties'] : {};
    const others = Object.keys(inner).some((name) => name !== 'name' && name !== 'generateName');
    const allowed = new Set(['type', 'properties', 'description', 'title']);
    if (others || Object.keys(metadata).some((name) => !allowed.has(name) && metadata[name] !== undefined)) {
      this.#found.forbidden(
        at,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      );
    }
  }

  #values(raw: Json, path: string): void {
    const { pattern } = raw;
    if (typeof pattern !== 'string') return;
    const problem = patternProblem(pattern);
    if (problem === undefined) return;
    this.#found.invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`);
  }

  /** A default must be a value that the schema would let pass as it is. */
  #default(schema: Schema, path: string): void {
    const { default: given } = schema;
    if (given === undefined) return;
    const at = `${path}.default`;
    if (given === null) {
      if (!schema.nullable) this.#found.invalid(at, null, 'must not be null');
      return;
    }
    const copy = structuredClone(given);
    const pruning = new Pruning(this.#budget);
    pruning.value(copy, schema);
    if (pruning.dropped.length > 0) {
      this.#found.invalid(at, given, `must not have unknown fields: ${pruning.dropped.join(', ')}`);
    }
    new Defaulting(this.#budget).value(copy, schema);
    new Check(this.#budget, this.#found).value(copy, schema, at);
  }
}
