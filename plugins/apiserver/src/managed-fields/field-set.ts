/**
 * Sets of field paths, in the form that FieldsV1 has on the wire: an object whose keys are path elements (`f:spec`,
 * `k:{"name":"a"}`, `v:"x"`, `i:0`). A path is a member of the set when its object is empty or has the key `.`. Sets are never
 * changed: results share what they have in common with their arguments, and are the argument itself when nothing changed.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A set under construction. */
export type GrowingSet = Record<string, FieldSet>;

/** The mark of a path that is a member and has members below it. */
export const selfMark = '.';

/** As a set: no field. As what lies at an element: the path that ends there. */
export const emptySet: FieldSet = Object.freeze({});

export function isEmpty(set: FieldSet): boolean {
  return Object.keys(set).length === 0;
}

/** Whether the path to `node` is a member of the set that `node` was found in. */
export function isMember(node: FieldSet): boolean {
  return selfMark in node || isEmpty(node);
}

/** What lies at an element; undefined when neither it nor anything below it is a member. */
function nodeOf(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmpty(children)) return member ? emptySet : undefined;
  return member ? { [selfMark]: emptySet, ...children } : children;
}

type Combine = (a: FieldSet, b: FieldSet) => FieldSet | undefined;

/** The members below: `combine` for the elements of both, `alone` says whether those of `a` only stay. */
function combined(a: FieldSet, b: FieldSet, combine: Combine, alone: boolean): FieldSet {
  const result: GrowingSet = {};
  let same = !(selfMark in a);
  for (const element of Object.keys(a)) {
    if (element === selfMark) continue;
    const left = a[element] ?? emptySet;
    const right = b[element];
    const node = right === undefined ? (alone ? left : undefined) : combine(left, right);
    if (node !== left) same = false;
    if (node !== undefined) result[element] = node;
  }
  return same ? a : result;
}

function differenceAt(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const node = nodeOf(isMember(a) && !isMember(b), combined(a, b, differenceAt, true));
  return node !== undefined && sameSize(node, a) && shares(node, a) ? a : node;
}

function intersectionAt(a: FieldSet, b: FieldSet): FieldSet | undefined {
  return a === b ? a : nodeOf(isMember(a) && isMember(b), combined(a, b, intersectionAt, false));
}

function sameSize(a: FieldSet, b: FieldSet): boolean {
  return Object.keys(a).length === Object.keys(b).length;
}

/** Whether both hold the same objects. */
function shares(a: FieldSet, b: FieldSet): boolean {
  return Object.keys(a).every((element) => element === selfMark || a[element] === b[element]);
}

/** The members below. `a` itself when `b` has nothing new. */
function unionBelow(a: FieldSet, b: FieldSet): FieldSet {
  let result: GrowingSet | undefined;
  for (const element of Object.keys(b)) {
    const right = b[element];
    if (element === selfMark || right === undefined) continue;
    const left = a[element];
    const node = left === undefined ? right : unionAt(left, right);
    if (node === left) continue;
    result ??= { ...a };
    result[element] = node;
  }
  return result ?? a;
}

function unionAt(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const below = unionBelow(a, b);
  const member = isMember(a) || isMember(b);
  if (isEmpty(below) || selfMark in below === member) return below;
  return { [selfMark]: emptySet, ...below };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  return isEmpty(a) ? b : unionBelow(a, b);
}

/** The members of `a` that are none of `b`. A member goes alone: what lies below it is another member. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) ? a : combined(a, b, differenceAt, true);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combined(a, b, intersectionAt, false);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  return (
    a === b ||
    (sameSize(a, b) && Object.keys(a).every((key) => b[key] !== undefined && sameSet(a[key] ?? emptySet, b[key])))
  );
}

/** Adds the union with what is there already. */
export function addAt(set: GrowingSet, element: string, node: FieldSet): void {
  const present = set[element];
  set[element] = present === undefined ? node : unionAt(present, node);
}

/** All members, as lists of elements. */
export function membersOf(set: FieldSet): string[][] {
  const found: string[][] = [];
  const collect = (below: FieldSet, path: readonly string[]): void => {
    for (const element of Object.keys(below)) {
      const node = below[element];
      if (element === selfMark || node === undefined) continue;
      const here = [...path, element];
      if (isMember(node)) found.push(here);
      collect(node, here);
    }
  };
  collect(set, []);
  return found;
}
