/**
 * The value without fields that are null, as typed clients of Kubernetes read it: `completions: null` of a manifest says nothing.
 * Elements of lists stay. What holds no nulls is answered as it is.
 */
export function withoutNulls<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => withoutNulls(item));
    return items.some((item, index) => item !== value[index]) ? (items as T) : value;
  }
  const before = Object.entries(value);
  const after = before.filter(([, field]) => field !== null).map(([key, field]) => [key, withoutNulls(field)] as const);
  const isSame = after.length === before.length && after.every(([, field], index) => field === before[index]?.[1]);
  return isSame ? value : (Object.fromEntries(after) as T);
}
