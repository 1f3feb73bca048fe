/** Conditions on nodes, put together of tests of labels and names: required node affinity, the affinity of a volume. */
import type { Node, NodeSelectorTerm } from '../../kube/index.ts';
import type { ClusterView, NodeBatch } from '../../contracts/scheduler/index.ts';
import { labelOf, labelTest, type LabelTest, type Requirement } from './label-test.ts';

/** The only field of nodes that can be selected. */
const nameField = 'metadata.name';

interface FieldTest {
  readonly wanted: string;
  readonly equal: boolean;
  /** Another field than the name: no node has it. */
  readonly unknown: boolean;
}

/** All of it must hold. */
export interface NodeTerm {
  readonly labels: readonly LabelTest[];
  readonly fields: readonly FieldTest[];
}

function fieldTest({ key, operator, values = [] }: Requirement): FieldTest | undefined {
  const [wanted] = values;
  if (wanted === undefined || values.length !== 1 || (operator !== 'In' && operator !== 'NotIn')) return undefined;
  return { wanted, equal: operator === 'In', unknown: key !== nameField };
}

function isWhole<T>(tests: readonly (T | undefined)[]): tests is readonly T[] {
  return !tests.includes(undefined);
}

/** undefined: an empty or malformed term, which holds nowhere. */
export function nodeTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): NodeTerm | undefined {
  if (matchExpressions.length === 0 && matchFields.length === 0) return undefined;
  const labels = matchExpressions.map(labelTest);
  const fields = matchFields.map(fieldTest);
  return isWhole(labels) && isWhole(fields) ? { labels, fields } : undefined;
}

export function nodeTerms(terms: readonly NodeSelectorTerm[]): NodeTerm[] {
  return terms.flatMap((term) => nodeTerm(term) ?? []);
}

function fieldHolds({ wanted, equal, unknown }: FieldTest, name: string): boolean {
  return ((unknown ? '' : name) === wanted) === equal;
}

function termHolds({ labels, fields }: NodeTerm, node: Node): boolean {
  const given = node.metadata.labels;
  const name = node.metadata.name ?? '';
  for (const test of labels) if (!test.holds(labelOf(given, test.key))) return false;
  for (const test of fields) if (!fieldHolds(test, name)) return false;
  return true;
}

/** Tests of one label over all its values: one look-up for each node. */
interface LabelTable {
  readonly ofRow: Int32Array;
  /** By domain + 1; the first is for nodes without the label. */
  readonly holds: Uint8Array;
}

/** Labels that are kept by value; conditions on more of them look at the nodes themselves. */
const keysLimit = 64;
const keysOf = new WeakMap<ClusterView, Set<string>>();

function mayKeep(view: ClusterView, key: string): boolean {
  let keys = keysOf.get(view);
  if (keys === undefined) {
    keys = new Set();
    keysOf.set(view, keys);
  }
  if (keys.has(key)) return true;
  if (keys.size >= keysLimit) return false;
  keys.add(key);
  return true;
}

function labelTable(view: ClusterView, test: LabelTest): LabelTable {
  const domains = view.domains(test.key);
  const holds = new Uint8Array(domains.count + 1);
  holds[0] = test.holds(undefined) ? 1 : 0;
  for (let domain = 0; domain < domains.count; domain += 1) {
    holds[domain + 1] = test.holds(domains.valueOf(domain)) ? 1 : 0;
  }
  return { ofRow: domains.ofRow, holds };
}

/** Takes the marks of rows where a test does not hold. */
function unmark(marks: Uint8Array, { ofRow, holds }: LabelTable, { rows, count }: NodeBatch): void {
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    if (holds[(ofRow[row] as number) + 1] === 0) marks[row] = 0;
  }
}

/** Fewer nodes than this are looked at one by one. */
const smallBatch = 32;

export class NodeCondition {
  readonly all: readonly LabelTest[];
  /** One must hold; undefined: no such condition. */
  readonly oneOf: readonly NodeTerm[] | undefined;
  readonly #isKept: boolean;

  constructor(all: readonly LabelTest[], oneOf: readonly NodeTerm[] | undefined) {
    this.all = all;
    this.oneOf = oneOf;
    this.#isKept = (oneOf ?? []).every(({ fields }) => fields.length === 0);
  }

  matches(node: Node): boolean {
    const given = node.metadata.labels;
    for (const test of this.all) if (!test.holds(labelOf(given, test.key))) return false;
    if (this.oneOf === undefined) return true;
    for (const term of this.oneOf) if (termHolds(term, node)) return true;
    return false;
  }

  /** By row: 1 where it holds. Other rows than those of the batch mean nothing. */
  over(nodes: NodeBatch): Uint8Array {
    const { view, count } = nodes;
    const tests = [...this.all, ...(this.oneOf ?? []).flatMap(({ labels }) => labels)];
    if (count < smallBatch || !this.#isKept || !tests.every(({ key }) => mayKeep(view, key)))
      return this.#oneByOne(nodes);
    const allOf = (labels: readonly LabelTest[]): Uint8Array => {
      const marks = new Uint8Array(view.size).fill(1);
      for (const test of labels) unmark(marks, labelTable(view, test), nodes);
      return marks;
    };
    const { all, oneOf } = this;
    if (oneOf === undefined) return allOf(all);
    const [first, ...others] = oneOf.map(({ labels }) => allOf([...all, ...labels]));
    if (first === undefined) return new Uint8Array(view.size);
    for (const marks of others) for (let row = 0; row < marks.length; row += 1) if (marks[row] === 1) first[row] = 1;
    return first;
  }

  #oneByOne({ rows, count, view }: NodeBatch): Uint8Array {
    const marks = new Uint8Array(view.size);
    const { nodes } = view;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      if (this.matches(nodes[row] as Node)) marks[row] = 1;
    }
    return marks;
  }

  /** The fewest changes of the node's labels that make it match; undefined: labels cannot. */
  remedies(node: Node): readonly string[] | undefined {
    const given = node.metadata.labels;
    const name = node.metadata.name ?? '';
    const failing = (tests: readonly LabelTest[]): string[] =>
      tests.filter((test) => !test.holds(labelOf(given, test.key))).map(({ remedy }) => remedy);
    const own = failing(this.all);
    if (this.oneOf === undefined) return own;
    const choices = this.oneOf
      .filter(({ fields }) => fields.every((test) => fieldHolds(test, name)))
      .map(({ labels }) => failing(labels));
    const [first, ...others] = choices;
    if (first === undefined) return undefined;
    return [...own, ...others.reduce((best, next) => (next.length < best.length ? next : best), first)];
  }
}
