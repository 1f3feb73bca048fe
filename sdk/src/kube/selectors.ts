/** Label and field selectors: parsing of the query form, and matching. Source: k8s.io/apimachinery labels and fields packages. */
import type { LabelSelector } from './meta.ts';

export type Labels = Readonly<Record<string, string>>;

/** One requirement of a label selector. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

/** A parsed selector: all requirements must hold. Empty matches everything. */
export type Selector = readonly LabelRequirement[];

/** One requirement of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** A malformed selector. Recognise it by `name`. */
export class SelectorError extends Error {
  override readonly name: string = 'SelectorError';
}

function requirementHolds(requirement: LabelRequirement, labels: Labels): boolean {
  const present = Object.hasOwn(labels, requirement.key);
  const value = present ? (labels[requirement.key] ?? '') : '';
  switch (requirement.operator) {
    case 'In':
      return present && requirement.values.includes(value);
    case 'NotIn':
      return !present || !requirement.values.includes(value);
    case 'Exists':
      return present;
    case 'DoesNotExist':
      return !present;
    case 'Gt':
      return present && Number(value) > Number(requirement.values[0]);
    case 'Lt':
      return present && Number(value) < Number(requirement.values[0]);
  }
}

/** Whether the labels satisfy the selector. */
export function matchesSelector(selector: Selector, labels: Labels | undefined): boolean {
  const given = labels ?? {};
  return selector.every((requirement) => requirementHolds(requirement, given));
}

/**
 * A metav1.LabelSelector as a {@link Selector}. An empty one selects everything; an absent one must be handled by the caller
 * (it selects nothing). @throws SelectorError on an unknown operator.
 */
export function fromLabelSelector(selector: LabelSelector): Selector {
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push({ key, operator: 'In', values: [value] });
  }
  for (const expression of selector.matchExpressions ?? []) {
    const { operator } = expression;
    if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') {
      throw new SelectorError(`"${operator}" is not a valid label selector operator`);
    }
    requirements.push({ key: expression.key, operator, values: expression.values ?? [] });
  }
  return requirements;
}

/** Splits at commas that are not inside parentheses. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const char of text) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      parts.push(current);
      current = '';
    } else {
      current += char;
    }
  }
  parts.push(current);
  return parts;
}

const keyPattern = /^[A-Za-z0-9]([A-Za-z0-9_.\-/]*[A-Za-z0-9])?$/;

function checkedKey(key: string, text: string): string {
  if (!keyPattern.test(key))
    throw new SelectorError(`unable to parse requirement "${text}": invalid label key "${key}"`);
  return key;
}

function parseRequirement(text: string): LabelRequirement {
  const trimmed = text.trim();
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(trimmed);
  if (set !== null) {
    return {
      key: checkedKey(set[1] ?? '', trimmed),
      operator: set[2] === 'in' ? 'In' : 'NotIn',
      values: (set[3] ?? '').split(',').map((value) => value.trim()),
    };
  }
  const binary = /^([^=!<>\s]+)\s*(==|=|!=|>|<)\s*([^=!<>\s]*)$/.exec(trimmed);
  if (binary !== null) {
    const operators = { '==': 'In', '=': 'In', '!=': 'NotIn', '>': 'Gt', '<': 'Lt' } as const;
    const operator = operators[(binary[2] ?? '=') as keyof typeof operators];
    return { key: checkedKey(binary[1] ?? '', trimmed), operator, values: [binary[3] ?? ''] };
  }
  const absent = /^!\s*(\S+)$/.exec(trimmed);
  if (absent !== null) return { key: checkedKey(absent[1] ?? '', trimmed), operator: 'DoesNotExist', values: [] };
  return { key: checkedKey(trimmed, trimmed), operator: 'Exists', values: [] };
}

/** Parses `a=b,c!=d,e in (f,g),h,!i`. Empty text selects everything. @throws SelectorError */
export function parseLabelSelector(text: string): Selector {
  if (text.trim() === '') return [];
  return splitRequirements(text).map(parseRequirement);
}

/** The query form of a selector. */
export function formatLabelSelector(selector: Selector): string {
  return selector
    .map(({ key, operator, values }) => {
      switch (operator) {
        case 'In':
          return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
        case 'NotIn':
          return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
        case 'Exists':
          return key;
        case 'DoesNotExist':
          return `!${key}`;
        case 'Gt':
          return `${key}>${values[0]}`;
        case 'Lt':
          return `${key}<${values[0]}`;
      }
      return '';
    })
    .join(',');
}

/** Parses `metadata.name=x,status.phase!=Running`. @throws SelectorError */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  if (text.trim() === '') return [];
  return text.split(',').map((part) => {
    // Trimmed first: a pattern with spaces at both ends of anything takes long over very many of them.
    const match = /^([\w.\-/]+)\s*(==|=|!=)\s*(.*)$/.exec(part.trim());
    if (match === null) throw new SelectorError(`invalid field selector "${part}": wanted field=value or field!=value`);
    return { field: match[1] ?? '', equal: match[2] !== '!=', value: match[3] ?? '' };
  });
}
