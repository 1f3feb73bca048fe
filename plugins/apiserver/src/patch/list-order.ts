/**
 * The order of a merged list: items that the patch lists come in the patch's order, the others in the order they had. The two
 * are woven together by the order they had; where one of a pair is new, the listed item goes first.
 */
import { isJsonObject, own } from '../json/plain-json.ts';

function sortedBy(
  items: readonly unknown[],
  places: ReadonlyMap<string, number>,
  idOf: (item: unknown) => string,
): unknown[] {
  const last = places.size;
  return items.toSorted((a, b) => (places.get(idOf(a)) ?? last) - (places.get(idOf(b)) ?? last));
}

/** `order`: items, or objects with their merge key only. `original`: the list before the merge. */
export function inOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  original: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const idOf = (item: unknown): string => {
    const id = mergeKey !== undefined && isJsonObject(item) ? own(item, mergeKey) : item;
    return JSON.stringify(id) ?? '';
  };
  const placesOf = (items: readonly unknown[]): Map<string, number> =>
    new Map(items.map((item, index) => [idOf(item), index]));
  const wanted = placesOf(order);
  const before = placesOf(original);
  const listed = sortedBy(
    merged.filter((item) => wanted.has(idOf(item))),
    wanted,
    idOf,
  );
  const others = sortedBy(
    merged.filter((item) => !wanted.has(idOf(item))),
    before,
    idOf,
  );
  const result: unknown[] = [];
  let at = 0;
  let otherAt = 0;
  while (at < listed.length && otherAt < others.length) {
    const other = before.get(idOf(others[otherAt]));
    const next = before.get(idOf(listed[at]));
    if (other !== undefined && next !== undefined && other < next) {
      result.push(others[otherAt]);
      otherAt += 1;
    } else {
      result.push(listed[at]);
      at += 1;
    }
  }
  return [...result, ...listed.slice(at), ...others.slice(otherAt)];
}
