import { createHash } from 'node:crypto';
import type { PodTemplateSpec } from '@timonel/sdk/kube';

// No vowels and no look-alikes: a hash must not spell a word.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const hashLength = 10;

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, canonical(part)]));
}

/** The pod-template-hash: equal templates give equal hashes; each collision gives another one. */
export function templateHash(template: PodTemplateSpec, collisionCount: number): string {
  const text = `${JSON.stringify(canonical(template))}#${collisionCount}`;
  const digest = createHash('sha256').update(text).digest();
  return Array.from(digest.subarray(0, hashLength), (byte) => alphabet[byte % alphabet.length]).join('');
}
