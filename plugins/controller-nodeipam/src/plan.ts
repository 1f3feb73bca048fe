import { ipRangesOverlap, parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import type { Claims } from './claims.ts';
import type { FreeRanges } from './free-ranges.ts';

export interface Plan {
  /** All promises from now on. To be written before the nodes are. */
  readonly claims: Claims;
  readonly assign: readonly { readonly node: Node; readonly podCIDR: string }[];
  /** Nodes for which there is no range. */
  readonly unserved: readonly Node[];
}

/** It has no range and is not on its way out. */
export function waitsForRange(node: Node): boolean {
  return rangeTextsOf(node).length === 0 && node.metadata.deletionTimestamp === undefined;
}

/** As the owner of a promise is written. A node that was made again under its name is another one. */
export function ownerOf({ metadata }: Node): string {
  return `${metadata.name} ${metadata.uid}`;
}

function rangeTextsOf({ spec }: Node): string[] {
  return [...new Set([spec?.podCIDR ?? '', ...(spec?.podCIDRs ?? [])])].filter((text) => text !== '');
}

/** Decides which node gets which range. `nodes` and `before` must be read at or after one moment, `before` first. */
export function plan(nodes: readonly Node[], before: Claims, free: FreeRanges): Plan {
  const waiting = nodes.filter(waitsForRange);
  const waitingOwners = new Set(waiting.map(ownerOf));
  // Whatever range a node says it has, by whomever it was given, is its own.
  const used: IpRange[] = nodes.flatMap(rangeTextsOf).flatMap((text) => parseIpRange(text) ?? []);
  const claims = new Map<string, string>();
  const promised = new Map<string, string>();
  for (const [cidr, owner] of before) {
    const range = parseIpRange(cidr);
    if (range === undefined || !waitingOwners.has(owner) || promised.has(owner)) continue;
    // Promised under another configuration, or taken by a node that brought its range along.
    if (!free.includes(cidr) || used.some((other) => ipRangesOverlap(other, range))) continue;
    claims.set(cidr, owner);
    promised.set(owner, cidr);
    used.push(range);
  }
  const take = free.from(used);
  const assign: { node: Node; podCIDR: string }[] = [];
  const unserved: Node[] = [];
  for (const node of waiting) {
    const owner = ownerOf(node);
    const podCIDR = promised.get(owner) ?? take();
    if (podCIDR === undefined) {
      unserved.push(node);
      continue;
    }
    claims.set(podCIDR, owner);
    assign.push({ node, podCIDR });
  }
  return { claims, assign, unserved };
}
