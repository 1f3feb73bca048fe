import type { Random } from './env.ts';

/** FNV-1a, so that a word can be a seed. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The sfc32 generator (Chris Doty-Humphrey, PractRand): small, fast, 128 bits of state. Not fit for secrets. */
export function createSeededRandom(seed: number | string): Random {
  let a = 0;
  let b = 0x9e3779b9;
  let c = typeof seed === 'number' ? Math.trunc(seed) | 0 : hash32(seed);
  let counter = 1;
  const next32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first words still show the seed.
  for (let i = 0; i < 15; i++) next32();
  const next = (): number => next32() / 2 ** 32;
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => next32() & 0xff);
  const uuid = (): string => {
    const raw = bytes(16);
    raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
    raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(raw, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  };
  return { next, int: (bound) => Math.floor(next() * bound), bytes, uuid };
}
