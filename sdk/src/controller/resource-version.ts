/**
 * Compares two resourceVersions, which are decimal numbers of one ever growing counter (KEP-5504 made the order part of the
 * API): negative when `a` is older. An absent version is older than any other.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number {
  const left = (a ?? '').replace(/^0+/, '');
  const right = (b ?? '').replace(/^0+/, '');
  if (left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
