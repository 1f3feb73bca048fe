/** Rules in CEL of a definition: that they compile, say what they may, and cost no more than there is. */
import {
  estimateCost,
  estimatedCrdCostLimit,
  estimatedRuleCostLimit,
  maxRequestBytes,
  type CelProgram,
  type CelType,
} from '@timonel/sdk/cel';
import type { Findings } from '@timonel/sdk/kube';
import { compileRule, typeOf } from '../rules/compile.ts';
import { isJson, Schema, type Json, type Rule } from '../schema/schema.ts';

const reasons = ['FieldValueInvalid', 'FieldValueRequired', 'FieldValueForbidden', 'FieldValueDuplicate'];

const contributed = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';

function exceeded(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** How often a place occurs in an object at most, and where a value of before cannot be found again. */
interface Place {
  readonly count: number;
  readonly uncorrelatable: string | undefined;
  readonly root: boolean;
}

function countIn(type: CelType | undefined): number {
  const most = type?.kind === 'list' ? type.maxItems : type?.kind === 'map' ? type.maxProperties : undefined;
  return most ?? maxRequestBytes / 2;
}

export class RulesCheck {
  readonly #found: Findings;
  #total = 0;
  readonly #contributions: { readonly path: string; readonly cost: number }[] = [];

  constructor(found: Findings) {
    this.#found = found;
  }

  /** In steps, between which others may have their turn. */
  *check(raw: Json, path: string): Generator<void> {
    yield* this.#schema(new Schema(raw), path, { count: 1, uncorrelatable: undefined, root: true });
    if (this.#total <= estimatedCrdCostLimit) return;
    const largest = this.#contributions.toSorted((a, b) => b.cost - a.cost).slice(0, 4);
    for (const { path: at } of largest.filter(({ cost }) => cost > estimatedCrdCostLimit / 100)) {
      this.#found.forbidden(at, contributed);
    }
    this.#found.forbidden(
      path,
      exceeded(
        'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema',
        this.#total,
        estimatedCrdCostLimit,
      ),
    );
  }

  *#schema(schema: Schema, path: string, place: Place): Generator<void> {
    if (!schema.hasRules) return;
    yield* this.#rules(schema, path, place);
    for (const [name, one] of schema.properties) {
      yield* this.#schema(one, `${path}.properties[${name}]`, { ...place, root: false });
    }
    const { items, values } = schema;
    const inner = items ?? (typeof values === 'object' ? values : undefined);
    if (inner === undefined || !inner.hasRules) return;
    const count = place.count * countIn(typeOf(schema, false));
    const at = items === undefined ? `${path}.additionalProperties` : `${path}.items`;
    const isLost = items !== undefined && schema.listType !== 'map';
    yield* this.#schema(inner, at, {
      count,
      root: false,
      uncorrelatable: place.uncorrelatable ?? (isLost ? at : undefined),
    });
  }

  *#rules(schema: Schema, path: string, place: Place): Generator<void> {
    if (schema.rules.length === 0) return;
    const at = `${path}.x-kubernetes-validations`;
    const type = typeOf(schema, place.root);
    if (type === undefined) {
      this.#found.invalid(at, '', 'rules cannot look at values of this schema');
      return;
    }
    for (const [index, rule] of schema.rules.entries()) {
      yield;
      if (isJson(rule)) this.#rule(rule, type, { schema, path: `${at}[${index}]`, place });
    }
    yield;
  }

  #rule(rule: Rule, type: CelType, { schema, path, place }: { schema: Schema; path: string; place: Place }): void {
    const found = this.#found;
    if (typeof rule.rule !== 'string' || rule.rule.trim() === '') {
      found.required(`${path}.rule`, 'rule is not specified');
      return;
    }
    this.#words(rule, schema, path);
    const compiled = compileRule(rule, type);
    if (!compiled.ok) {
      found.invalid(`${path}.${compiled.part}`, rule, compiled.problem);
      return;
    }
    const { program, message, isTransition } = compiled.rule;
    if (isTransition && place.uncorrelatable !== undefined) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelatable}`;
      found.invalid(`${path}.rule`, rule.rule, why);
    }
    if (!isTransition && rule.optionalOldSelf === true) {
      found.invalid(`${path}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule');
    }
    this.#cost(program, `${path}.rule`, 'estimated rule cost', place);
    if (message !== undefined) {
      this.#cost(message, `${path}.messageExpression`, 'estimated messageExpression cost', place);
    }
  }

  #words(rule: Rule, schema: Schema, path: string): void {
    const found = this.#found;
    const { message, reason, fieldPath } = rule;
    if (message !== undefined && message !== '' && message.trim() === '') {
      found.invalid(`${path}.message`, message, 'message must be non-empty if specified');
    } else if (message !== undefined && message.trim().includes('\n')) {
      found.invalid(`${path}.message`, message, 'message must not contain line breaks');
    } else if (rule.rule.trim().includes('\n') && (message === undefined || message === '')) {
      found.required(`${path}.message`, 'message must be specified if rule contains line breaks');
    }
    if (reason !== undefined && !reasons.includes(reason)) found.notSupported(`${path}.reason`, reason, reasons);
    if (fieldPath === undefined || fieldPath === '') return;
    if (!leadsSomewhere(fieldPath, schema)) {
      found.invalid(
        `${path}.fieldPath`,
        fieldPath,
        'fieldPath must be a valid path: it does not refer to a field of the schema',
      );
    }
  }

  #cost(program: CelProgram, path: string, what: string, place: Place): void {
    const cost = Math.round(estimateCost(program).max * place.count);
    this.#total += cost;
    this.#contributions.push({ path, cost });
    if (cost > estimatedRuleCostLimit) this.#found.forbidden(path, exceeded(what, cost, estimatedRuleCostLimit));
  }
}

const step = /^(?:\.([A-Za-z_][A-Za-z0-9_-]*)|\['((?:[^'\\]|\\.)+)'\])/;

/** `.spec.name`, `.labels['a.b']`: names of fields and keys of maps. */
function leadsSomewhere(fieldPath: string, from: Schema): boolean {
  let rest = fieldPath;
  let schema: Schema | undefined = from;
  while (rest !== '') {
    const match = step.exec(rest);
    if (match === null || schema === undefined) return false;
    const member: Schema | true | undefined = schema.member((match[1] ?? match[2] ?? '').replaceAll(/\\(.)/g, '$1'));
    if (typeof member !== 'object') return false;
    schema = member;
    rest = rest.slice(match[0].length);
  }
  return true;
}
