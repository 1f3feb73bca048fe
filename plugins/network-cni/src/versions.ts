export const versionPattern: RegExp = /^\d{1,4}\.\d{1,4}\.\d{1,4}$/;

/** True when version `a` is `b` or later. */
export function atLeast(a: string, b: string): boolean {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
