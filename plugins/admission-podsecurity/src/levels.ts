/** What the labels of a namespace ask for. */
import { baseline } from './baseline.ts';
import type { Check } from './checks.ts';
import { factsOf, type Json } from './pod.ts';
import { restricted } from './restricted.ts';

export type Mode = 'enforce' | 'audit' | 'warn';
type Labels = Readonly<Record<string, string>>;

const prefix = 'pod-security.kubernetes.io/';
const checks: Readonly<Record<string, readonly Check[]>> = { privileged: [], baseline, restricted };

export function asksAnything(labels: Labels | undefined): boolean {
  return Object.keys(labels ?? {}).some((key) => key.startsWith(prefix));
}

/** `restricted:latest`. A level that nobody knows is the strictest one. */
export function policyOf(mode: Mode, labels: Labels): string | undefined {
  const level = labels[`${prefix}${mode}`];
  if (level === undefined || level === 'privileged') return undefined;
  return `${Object.hasOwn(checks, level) ? level : 'restricted'}:${labels[`${prefix}${mode}-version`] ?? 'latest'}`;
}

/** `PodSecurity "restricted:latest": …`; undefined: there is nothing to say. */
export function violation(policy: string, spec: Json): string | undefined {
  const facts = factsOf(spec);
  const [level = ''] = policy.split(':');
  const found = (checks[level] ?? restricted).flatMap((check) => check(facts) ?? []);
  return found.length === 0 ? undefined : `PodSecurity "${policy}": ${found.join(', ')}`;
}
