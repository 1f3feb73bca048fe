/** Pods that a new policy of their namespace would refuse: they stay, but who writes the label hears of them. */
import type { Clock } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { pods, type Pod } from '@timonel/sdk/kube';
import type { Exemptions } from './config.ts';
import { findingsOf, nameOf, type Standard } from './levels.ts';
import { jsonIn } from './pod.ts';

const podsAtMost = 3000;
const timeMs = 1000;

interface Alike {
  first: string;
  count: number;
}

/** One of each owner comes before the others: those are like it. */
function oneOfEachFirst(all: readonly Pod[]): readonly Pod[] {
  const owners = new Set<string>();
  const [firsts, others]: [Pod[], Pod[]] = [[], []];
  for (const pod of all) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    const isFirst = owner === undefined || !owners.has(owner);
    if (owner !== undefined) owners.add(owner);
    (isFirst ? firsts : others).push(pod);
  }
  return [...firsts, ...others];
}

/** `allowPrivilegeEscalation != false, seccompProfile`: details are those of one pod. */
function reasonsOf(standard: Standard, { metadata, spec }: Pod): string {
  const found = findingsOf(standard, { metadata: jsonIn(metadata), spec: jsonIn(spec) });
  return found.map((finding) => finding.split(' (')[0]).join(', ');
}

function who({ first, count }: Alike): string {
  if (count === 1) return first;
  return `${first} (and ${count - 1} other pod${count === 2 ? '' : 's'})`;
}

interface Surroundings {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly exemptions: Pick<Exemptions, 'runtimeClasses'>;
}

/** Warnings, in the words of Kubernetes. */
export async function warningsOf(
  namespace: string,
  standard: Standard,
  { api, clock, exemptions: { runtimeClasses } }: Surroundings,
): Promise<readonly string[]> {
  const until = clock.monotonic() + timeMs;
  const list = await api.list(pods, { namespace, limit: podsAtMost, resourceVersion: '0' });
  const total = list.items.length + (list.metadata.remainingItemCount ?? 0);
  const alike = new Map<string, Alike>();
  let checked = 0;
  for (const pod of oneOfEachFirst(list.items)) {
    if (clock.monotonic() >= until) break;
    checked += 1;
    if (runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) continue;
    const reasons = reasonsOf(standard, pod);
    const { name = '' } = pod.metadata;
    const seen = alike.get(reasons);
    if (reasons === '') continue;
    if (seen === undefined) alike.set(reasons, { first: name, count: 1 });
    else Object.assign(seen, { first: name < seen.first ? name : seen.first, count: seen.count + 1 });
  }
  const lines = [...alike].map(([reasons, those]) => `${who(those)}: ${reasons}`).toSorted();
  return [
    ...(checked < total
      ? [`new PodSecurity enforce level only checked against the first ${checked} of ${total} existing pods`]
      : []),
    ...(lines.length > 0
      ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${nameOf(standard)}"`]
      : []),
    ...lines,
  ];
}
