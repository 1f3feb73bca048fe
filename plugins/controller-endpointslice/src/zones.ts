/**
 * Shares endpoints among zones by the CPUs of their nodes (KEP-2433, mode Auto). Source: "Topology Aware Routing" of Kubernetes'
 * documentation.
 */
import type { Endpoint } from '@timonel/sdk/kube';
import { endpointKey } from '@timonel/sdk/controller/endpoints';
import type { NodeFacts } from './nodes.ts';

/** So much more than its share the endpoints of a zone may have to bear. */
const overload = 0.2;

interface Share {
  /** Endpoints that a zone cannot do without. */
  readonly least: number;
  /** Endpoints by its part of all CPUs. */
  readonly wanted: number;
}

/** A text: there can be no shares, and why. */
function sharesOf(count: number, nodes: readonly NodeFacts[]): Map<string, Share> | string {
  const cpus = new Map<string, number>();
  for (const { zone, cpuMillis, counts } of nodes) {
    if (!counts) continue;
    if (zone === undefined || cpuMillis === 0)
      return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpuMillis);
  }
  if (cpus.size < 2) return 'Nodes only ready in one zone';
  if (count < cpus.size) return `Insufficient number of endpoints (${count}), cannot safely allocate to zones`;
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0);
  const shares = new Map<string, Share>();
  let needed = 0;
  for (const [zone, cpu] of [...cpus].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const wanted = (cpu / total) * count;
    const least = Math.ceil(wanted / (1 + overload));
    needed += least;
    shares.set(zone, { least, wanted });
  }
  if (needed > count)
    return 'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold';
  return shares;
}

/** Whole numbers of endpoints that add up to `count`, as near to the shares as they can be. */
function targets(shares: ReadonlyMap<string, Share>, count: number): Map<string, number> {
  const result = new Map([...shares].map(([zone, { least, wanted }]) => [zone, Math.max(least, Math.floor(wanted))]));
  const sum = (): number => [...result.values()].reduce((total, value) => total + value, 0);
  const byLack = (): string[] =>
    [...shares.keys()].sort((a, b) => lack(b, shares, result) - lack(a, shares, result) || (a < b ? -1 : 1));
  while (sum() < count) {
    const [zone = ''] = byLack();
    result.set(zone, (result.get(zone) ?? 0) + 1);
  }
  while (sum() > count) {
    const zone = byLack().findLast((name) => (result.get(name) ?? 0) > (shares.get(name)?.least ?? 0)) ?? '';
    result.set(zone, (result.get(zone) ?? 0) - 1);
  }
  return result;
}

function lack(zone: string, shares: ReadonlyMap<string, Share>, given: ReadonlyMap<string, number>): number {
  return (shares.get(zone)?.wanted ?? 0) - (given.get(zone) ?? 0);
}

/** `before`: the zones that endpoints were meant for, by key. Answers the zones by key, or why there can be none. */
export function distribute(
  ready: readonly Endpoint[],
  nodes: readonly NodeFacts[],
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> | string {
  if (ready.some(({ zone }) => zone === undefined)) return 'One or more endpoints do not have a zone specified';
  const shares = sharesOf(ready.length, nodes);
  if (typeof shares === 'string') return shares;
  const room = targets(shares, ready.length);
  const zones = new Map<string, string>();
  const give = (key: string, zone: string | undefined): void => {
    const left = room.get(zone ?? '') ?? 0;
    if (zone === undefined || left === 0 || zones.has(key)) return;
    room.set(zone, left - 1);
    zones.set(key, zone);
  };
  // Those of the zone itself first, then those that were lent to it before: so that little changes.
  for (const endpoint of ready)
    if (before.get(endpointKey(endpoint)) === endpoint.zone) give(endpointKey(endpoint), endpoint.zone);
  for (const endpoint of ready) give(endpointKey(endpoint), endpoint.zone);
  for (const endpoint of ready) give(endpointKey(endpoint), before.get(endpointKey(endpoint)));
  for (const endpoint of ready) {
    if (zones.has(endpointKey(endpoint))) continue;
    give(endpointKey(endpoint), [...room].find(([, left]) => left > 0)?.[0]);
  }
  return zones;
}
