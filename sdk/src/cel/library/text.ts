/** Texts count in code points, JavaScript's in UTF-16: most have no surrogates, so that both are the same. */

const surrogate = /[\ud800-\udfff]/;

export function pointCount(text: string): number {
  if (!surrogate.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The code points from `start` up to `end`. */
export function pointSlice(text: string, start: number, end: number): string {
  return surrogate.test(text) ? Array.from(text).slice(start, end).join('') : text.slice(start, end);
}

/** Offset in code points of what lies at an offset in UTF-16. */
export function pointsBefore(text: string, offset: number): number {
  return offset < 0 ? offset : pointCount(text.slice(0, offset));
}

/** Offset in UTF-16 of a code point. */
export function offsetOf(text: string, points: number): number {
  return surrogate.test(text) ? Array.from(text).slice(0, points).join('').length : points;
}
