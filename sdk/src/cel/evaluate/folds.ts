/** Macros that go through lists and maps. Costs are those of the loops that cel-go makes of them. */
import { CelList } from '../values/list.ts';
import { CelMap, CelValueMap } from '../values/map.ts';
import { CelError, isError, noSuchOverload, type CelValue } from '../values/value.ts';
import type { Comprehension } from '../syntax/ast.ts';
import type { Frame, Step } from './frame.ts';

export interface Loop {
  readonly range: Step;
  readonly first: number;
  /** Absent in macros with one variable. */
  readonly second: number | undefined;
  /** Parts of `condition` and `transform`: rounds take longer than they cost where these are many. */
  readonly parts: number;
  readonly condition: Step;
  readonly transform: Step;
}

/** Costs beside those of the macro's own expressions: at the start and end, and each round. */
export interface FoldCost {
  readonly once: number;
  readonly round: number;
  /** Of rounds whose condition holds. */
  readonly kept: number;
}

export const foldCosts: Readonly<Record<Comprehension['fold'], FoldCost>> = {
  all: { once: 1, round: 3, kept: 0 },
  exists: { once: 1, round: 4, kept: 0 },
  exists_one: { once: 2, round: 1, kept: 1 },
  filter: { once: 11, round: 0, kept: 13 },
  map: { once: 11, round: 0, kept: 12 },
  transformList: { once: 11, round: 0, kept: 12 },
  transformMap: { once: 31, round: 0, kept: 32 },
  transformMapEntry: { once: 31, round: 0, kept: 32 },
};

/** Stops the loop with what it returns. */
type Round = (frame: Frame) => CelValue | undefined;

/** Runs `round` for each item, with the variables set. */
function each(
  { first, second, parts }: Loop,
  range: CelValue,
  frame: Frame,
  cost: number,
  round: Round,
): CelValue | undefined {
  const isList = range instanceof CelList;
  if (!isList && !(range instanceof CelMap)) return isError(range) ? range : noSuchOverload();
  const keys = isList ? undefined : range.keys();
  frame.work(range.size);
  for (let index = 0; index < range.size; index += 1) {
    frame.charge(cost);
    frame.work(1 + (parts >> 2));
    const key = keys === undefined ? BigInt(index) : (keys[index] as CelValue);
    if (second === undefined) frame.slots[first] = isList ? range.at(index) : key;
    else {
      frame.slots[first] = key;
      frame.slots[second] = isList ? range.at(index) : range.get(key);
    }
    const stopped = round(frame);
    if (stopped !== undefined) return stopped;
  }
  return undefined;
}

const notBool = (value: CelValue): CelError => (isError(value) ? value : noSuchOverload());

/** all (`ends` false) and exists (`ends` true): the value that ends the loop wins over errors. */
function quantifier(loop: Loop, ends: boolean, cost: FoldCost): Step {
  return (frame) => {
    const range = loop.range(frame);
    let problem: CelError | undefined;
    const stopped = each(loop, range, frame, cost.round, (inner) => {
      const value = loop.condition(inner);
      if (value === ends) return value;
      if (value !== !ends) problem ??= notBool(value);
      return undefined;
    });
    frame.charge(cost.once);
    return stopped ?? problem ?? !ends;
  };
}

function existsOne(loop: Loop, cost: FoldCost): Step {
  return (frame) => {
    let count = 0;
    const range = loop.range(frame);
    const stopped = each(loop, range, frame, cost.round, (inner) => {
      const value = loop.condition(inner);
      if (value === true) count += 1;
      else if (value !== false) return notBool(value);
      inner.charge(value ? cost.kept : 0);
      return undefined;
    });
    frame.charge(cost.once);
    return stopped ?? count === 1;
  };
}

/** filter, map, transformList */
function toList(loop: Loop, cost: FoldCost): Step {
  return (frame) => {
    const items: CelValue[] = [];
    frame.charge(cost.once);
    const range = loop.range(frame);
    const stopped = each(loop, range, frame, cost.round, (inner) => {
      const keep = loop.condition(inner);
      if (keep === false) return undefined;
      if (keep !== true) return notBool(keep);
      const item = loop.transform(inner);
      if (isError(item)) return item;
      inner.charge(cost.kept);
      items.push(item);
      return undefined;
    });
    return stopped ?? CelList.of(items);
  };
}

function addEntries(map: CelValueMap, entries: CelValue): CelError | undefined {
  if (!(entries instanceof CelMap)) return notBool(entries);
  for (const key of entries.keys()) {
    const problem = map.add(key, entries.get(key) ?? null);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** transformMap, transformMapEntry */
function toMap(loop: Loop, entries: boolean, cost: FoldCost): Step {
  return (frame) => {
    const map = new CelValueMap();
    frame.charge(cost.once);
    const range = loop.range(frame);
    const stopped = each(loop, range, frame, cost.round, (inner) => {
      const keep = loop.condition(inner);
      if (keep === false) return undefined;
      if (keep !== true) return notBool(keep);
      const key = inner.slots[loop.first] as CelValue;
      const value = loop.transform(inner);
      if (isError(value)) return value;
      inner.charge(cost.kept);
      return entries ? addEntries(map, value) : map.add(key, value);
    });
    return stopped ?? map;
  };
}

export function foldStep(fold: Comprehension['fold'], loop: Loop): Step {
  const cost = foldCosts[fold];
  switch (fold) {
    case 'all':
      return quantifier(loop, false, cost);
    case 'exists':
      return quantifier(loop, true, cost);
    case 'exists_one':
      return existsOne(loop, cost);
    case 'transformMap':
      return toMap(loop, false, cost);
    case 'transformMapEntry':
      return toMap(loop, true, cost);
    default:
      return toList(loop, cost);
  }
}
