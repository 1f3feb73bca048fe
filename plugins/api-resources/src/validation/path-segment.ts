/** A name that is part of a path and may hold colons: `system:node`. */
export function pathSegmentProblems(name: string): string[] {
  // Half of a pair cannot be written as UTF-8.
  if (/\p{Surrogate}/u.test(name)) return ['must be valid Unicode'];
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((sign) => name.includes(sign)).map((sign) => `may not contain '${sign}'`);
}
