import type { Node, NodeSelectorTerm } from '../../../kube/index.ts';
import type { ReferenceFilter, ReferenceScore } from './one-node.ts';

type Expression = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

/** Malformed expressions make their term hold nowhere. */
function isMalformed({ operator, values = [] }: Expression): boolean {
  if (values.some((value) => value !== '' && !/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(value)))
    return true;
  if (operator === 'In' || operator === 'NotIn') return values.length === 0;
  if (operator === 'Exists' || operator === 'DoesNotExist') return values.length > 0;
  if (operator === 'Gt' || operator === 'Lt') return values.length !== 1 || !/^[0-9]+$/.test(values[0] ?? '');
  return true;
}

function expressionHolds({ key, operator, values = [] }: Expression, labels: Map<string, string>): boolean {
  const value = labels.get(key);
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  if (value === undefined || !/^[0-9]+$/.test(value) || BigInt(value) >= 2n ** 63n) return false;
  return operator === 'Gt' ? BigInt(value) > BigInt(values[0] ?? '') : BigInt(value) < BigInt(values[0] ?? '');
}

function fieldHolds({ key, operator, values = [] }: Expression, node: Node): boolean {
  if (values.length !== 1) return false;
  const value = key === 'metadata.name' ? node.metadata.name : '';
  if (operator === 'In') return value === values[0];
  return operator === 'NotIn' && value !== values[0];
}

export function termMatches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = new Map(Object.entries(node.metadata.labels ?? {}));
  for (const expression of matchExpressions) {
    if (isMalformed(expression) || !expressionHolds(expression, labels)) return false;
  }
  return matchFields.every((field) => fieldHolds(field, node));
}

/** Every term names nodes, and none of them is named by all fields of its term. */
function namesNobody(terms: readonly NodeSelectorTerm[]): boolean {
  return (
    terms.length > 0 &&
    terms.every(({ matchFields = [] }) => {
      const named = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In');
      const [first, ...others] = named.map(({ values = [] }) => values);
      return first !== undefined && !first.some((name) => others.every((values) => values.includes(name)));
    })
  );
}

export const nodeAffinityReference: ReferenceFilter = (pod, { node }) => {
  const all = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (namesNobody(all ?? [])) return ['pod affinity terms conflict'];
  const refusal = ["node(s) didn't match Pod's node affinity/selector"];
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (new Map(Object.entries(node.metadata.labels ?? {})).get(key) !== value) return refusal;
  }
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || required.nodeSelectorTerms.some((term) => termMatches(term, node))) return [];
  return refusal;
};

export const nodeAffinityScoreReference: ReferenceScore = (pod, { node }) => {
  let sum = 0;
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const { weight, preference } of preferred) if (termMatches(preference, node)) sum += weight;
  return sum;
};
