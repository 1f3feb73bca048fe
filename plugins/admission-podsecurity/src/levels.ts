/** The levels of the standards by version, and what they say of a pod. */
import { baseline } from './baseline.ts';
import { isIn, type Check, type Rule } from './checks.ts';
import { factsOf, type PodTemplate } from './pod.ts';
import { restricted } from './restricted.ts';

/** From the most open one on. */
export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

/** A level in the version 1.N of the standards, or in the latest. */
export interface Standard {
  readonly level: Level;
  readonly version: number | 'latest';
}

const rules: Readonly<Record<Level, readonly Rule[]>> = { privileged: [], baseline, restricted };
const kept = new Map<string, readonly Check[]>();
/** The last version in which the standards changed: what comes later is the same. */
const newest = 35;

/** `restricted:v1.35`, `baseline:latest`. */
export const nameOf = ({ level, version }: Standard): string =>
  `${level}:${version === 'latest' ? version : `v1.${version}`}`;

function checksOf({ level, version }: Standard): readonly Check[] {
  const minor = version === 'latest' ? newest : Math.min(version, newest);
  const key = `${level} ${minor}`;
  const checks = kept.get(key) ?? rules[level].filter((rule) => isIn(rule, minor)).map(({ check }) => check);
  kept.set(key, checks);
  return checks;
}

/** What a pod does that it must not: `reason (detail)` each. */
export function findingsOf(standard: Standard, pod: PodTemplate): readonly string[] {
  const facts = factsOf(pod);
  return checksOf(standard).flatMap((check) => check(facts) ?? []);
}

/** `PodSecurity "restricted:latest": …`; undefined: there is nothing to say. */
export function violation(standard: Standard, pod: PodTemplate): string | undefined {
  const found = findingsOf(standard, pod);
  return found.length === 0 ? undefined : `PodSecurity "${nameOf(standard)}": ${found.join(', ')}`;
}
