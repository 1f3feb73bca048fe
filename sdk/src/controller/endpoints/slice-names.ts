import { createHash } from 'node:crypto';

// Without vowels and look-alikes, as the API server's random suffixes.
const letters = 'bcdfghjklmnpqrstvwxz2456789';
const nameLimit = 253;

/**
 * Names for new slices of one owner, `web-x7k2p`. They follow from the owner: a creation that is repeated, because its answer was
 * lost or because another control plane works too, finds the name taken and does not make a second slice.
 */
export function* sliceNames(
  base: string,
  uid: string,
  isTaken: (name: string) => boolean,
): Generator<string, never, undefined> {
  for (let number = 0; ; number += 1) {
    const bytes = createHash('sha256').update(`${uid} ${number}`).digest().subarray(0, 5);
    const suffix = [...bytes].map((byte) => letters[byte % letters.length]).join('');
    const name = `${base.slice(0, nameLimit - 6)}-${suffix}`;
    if (!isTaken(name)) yield name;
  }
}
