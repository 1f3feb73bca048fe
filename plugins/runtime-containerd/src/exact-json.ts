/** JSON with whole numbers of any length, as Go writes and reads them: those that JavaScript's numbers do not hold are bigints. */

const mark = '\u0001wide:';
const tokens = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

export function parseExactly(text: string): unknown {
  const marked = text.replace(tokens, (token) => (token.startsWith('"') ? token : `"\\u0001wide:${token}"`));
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

export function stringifyExactly(value: unknown): string {
  const marked = JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? `${mark}${each}` : each));
  return marked.replaceAll(/"\\u0001wide:(-?\d+)"/g, '$1');
}
