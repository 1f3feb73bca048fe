/** Conditions on labels and names of nodes. Source: core/v1 NodeSelectorRequirement. */
import { labelValueProblems, qualifiedNameProblems } from '../../kube/index.ts';

export interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** A condition on one label. */
export interface LabelTest {
  readonly key: string;
  /** undefined: the node does not have the label. */
  holds(value: string | undefined): boolean;
  /** What would make it hold: `add label disk=ssd`. */
  readonly remedy: string;
}

/** undefined: it has no such label. */
export function labelOf(labels: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

const maxInt64 = 2n ** 63n - 1n;

/** A whole number as labels can have it; undefined when it is none or does not fit into 64 bits. */
function wholeNumber(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^\d{1,40}$/.test(text)) return undefined;
  const number = BigInt(text);
  return number <= maxInt64 ? number : undefined;
}

function comparison(key: string, values: readonly string[], above: boolean): LabelTest | undefined {
  const bound = values.length === 1 ? wholeNumber(values[0]) : undefined;
  if (bound === undefined) return undefined;
  return {
    key,
    holds: (value) => {
      const number = wholeNumber(value);
      return number !== undefined && (above ? number > bound : number < bound);
    },
    remedy: `set label ${key} ${above ? 'above' : 'below'} ${bound}`,
  };
}

export function equals(key: string, wanted: string): LabelTest {
  return { key, holds: (value) => value === wanted, remedy: `add label ${key}=${wanted}` };
}

function membership(key: string, values: readonly string[], within: boolean): LabelTest | undefined {
  if (values.length === 0) return undefined;
  const [first = ''] = values;
  if (within && values.length === 1) return equals(key, first);
  const set = new Set(values);
  const list = values.join(' or ');
  return within
    ? { key, holds: (value) => value !== undefined && set.has(value), remedy: `add label ${key}=${list}` }
    : { key, holds: (value) => value === undefined || !set.has(value), remedy: `remove label ${key}=${list}` };
}

/** undefined: the requirement is malformed, and what contains it holds nowhere. */
export function labelTest({ key, operator, values = [] }: Requirement): LabelTest | undefined {
  if (qualifiedNameProblems(key).length > 0) return undefined;
  if (values.some((value) => labelValueProblems(value).length > 0)) return undefined;
  switch (operator) {
    case 'In':
    case 'NotIn':
      return membership(key, values, operator === 'In');
    case 'Exists':
      return values.length > 0 ? undefined : { key, holds: (value) => value !== undefined, remedy: `add label ${key}` };
    case 'DoesNotExist':
      return values.length > 0
        ? undefined
        : { key, holds: (value) => value === undefined, remedy: `remove label ${key}` };
    case 'Gt':
    case 'Lt':
      return comparison(key, values, operator === 'Gt');
  }
  return undefined;
}
