import { createHash } from 'node:crypto';
import type { ControllerRevision, PodTemplateSpec } from '../../kube/index.ts';

/** What a revision keeps: a strategic merge patch that gives the set its template back. `kubectl rollout undo` sends it as it is. */
export function revisionData(template: PodTemplateSpec): object {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** The template that a revision keeps; undefined when its data are not of that shape. */
export function templateOfRevision(revision: ControllerRevision): PodTemplateSpec | undefined {
  type Kept = Partial<PodTemplateSpec> & { $patch?: string };
  const data = revision.data as { spec?: { template?: Kept | null } | null } | null | undefined;
  const { $patch: _, ...template } = data?.spec?.template ?? {};
  // Nobody checks what is in a revision that somebody made by hand.
  return Array.isArray(template.spec?.containers) ? (template as PodTemplateSpec) : undefined;
}

// No vowels and no look-alikes: a hash must not spell a word.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const hashLength = 10;

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, canonical(part)]));
}

const known = new WeakMap<PodTemplateSpec, Map<number, string>>();

/** Equal templates give equal hashes; each collision gives another one. */
export function revisionHash(template: PodTemplateSpec, collisionCount: number): string {
  let ofTemplate = known.get(template);
  const found = ofTemplate?.get(collisionCount);
  if (found !== undefined) return found;
  const text = `${JSON.stringify(canonical(template))}#${collisionCount}`;
  const digest = createHash('sha256').update(text).digest();
  const hash = Array.from(digest.subarray(0, hashLength), (byte) => alphabet[byte % alphabet.length]).join('');
  ofTemplate ??= new Map();
  ofTemplate.set(collisionCount, hash);
  known.set(template, ofTemplate);
  return hash;
}

/** Names of revisions are values of labels of pods, too. */
export const revisionNameLimit = 63;

/** The name of an owner that is too long is cut: the hash makes the name, and collisions are counted. */
export function revisionName(ownerName: string, hash: string): string {
  const room = revisionNameLimit - hash.length - 1;
  const prefix = ownerName.length <= room ? ownerName : ownerName.slice(0, room).replace(/[-.]+$/, '');
  return `${prefix}-${hash}`;
}
