/** Nodes by the value of a label, as numbers. */
import type { Node } from '../kube/index.ts';
import type { TopologyDomains } from '../contracts/scheduler/index.ts';

/** Domains that follow the nodes. */
export interface IndexedDomains extends TopologyDomains {
  /** Room for so many rows. */
  reserve(rows: number): void;
  set(row: number, node: Node | undefined): void;
  /** Whether the row would get into another domain. */
  moves(row: number, node: Node): boolean;
}

/** Longer than there are rows; rows without a node are in no domain. */
function longer(column: Int32Array, rows: number, fill: number): Int32Array {
  if (rows < column.length) return column;
  const grown = new Int32Array(Math.max(rows + 1, column.length * 2)).fill(fill);
  grown.set(column);
  return grown;
}

/** A domain that no node is in any more gives its number to the next new one. */
export class LabelDomains implements IndexedDomains {
  readonly #key: string;
  ofRow: Int32Array = new Int32Array(16).fill(-1);
  readonly #values: string[] = [];
  readonly #byValue = new Map<string, number>();
  #nodes: Int32Array = new Int32Array(16);
  readonly #free: number[] = [];

  constructor(topologyKey: string) {
    this.#key = topologyKey;
  }

  get count(): number {
    return this.#values.length;
  }

  valueOf(domain: number): string {
    return this.#values[domain] ?? '';
  }

  nodesIn(domain: number): number {
    return this.#nodes[domain] ?? 0;
  }

  reserve(rows: number): void {
    this.ofRow = longer(this.ofRow, rows, -1);
  }

  set(row: number, node: Node | undefined): void {
    this.reserve(row + 1);
    const before = this.ofRow[row] as number;
    const value = this.#valueIn(node);
    if (value === undefined ? before < 0 : before >= 0 && this.#values[before] === value) return;
    if (before >= 0) this.#leave(before);
    this.ofRow[row] = value === undefined ? -1 : this.#enter(value);
  }

  moves(row: number, node: Node): boolean {
    const domain = this.ofRow[row] ?? -1;
    const value = this.#valueIn(node);
    return value === undefined ? domain >= 0 : domain < 0 || this.#values[domain] !== value;
  }

  #valueIn(node: Node | undefined): string | undefined {
    const labels = node?.metadata.labels;
    return labels !== undefined && Object.hasOwn(labels, this.#key) ? labels[this.#key] : undefined;
  }

  #leave(domain: number): void {
    this.#nodes[domain] = (this.#nodes[domain] as number) - 1;
    if (this.#nodes[domain] !== 0) return;
    this.#byValue.delete(this.#values[domain] as string);
    this.#values[domain] = '';
    this.#free.push(domain);
  }

  #enter(value: string): number {
    let domain = this.#byValue.get(value);
    if (domain === undefined) {
      domain = this.#free.pop() ?? this.#values.length;
      this.#values[domain] = value;
      this.#byValue.set(value, domain);
      this.#nodes = longer(this.#nodes, domain, 0);
    }
    this.#nodes[domain] = (this.#nodes[domain] as number) + 1;
    return domain;
  }
}

/** Every node is a domain of its own, with the number of its row. */
export class RowDomains implements IndexedDomains {
  ofRow: Int32Array = new Int32Array(16).fill(-1);
  #names: string[] = [];

  get count(): number {
    return this.#names.length;
  }

  valueOf(domain: number): string {
    return this.#names[domain] ?? '';
  }

  nodesIn(domain: number): number {
    return (this.ofRow[domain] ?? -1) < 0 ? 0 : 1;
  }

  reserve(rows: number): void {
    this.ofRow = longer(this.ofRow, rows, -1);
    while (this.#names.length < rows) this.#names.push('');
  }

  set(row: number, node: Node | undefined): void {
    this.reserve(row + 1);
    this.ofRow[row] = node === undefined ? -1 : row;
    this.#names[row] = node?.metadata.name ?? '';
  }

  moves(): boolean {
    return false;
  }
}
