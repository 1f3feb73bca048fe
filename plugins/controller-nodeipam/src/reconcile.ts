/** From what was decided for all nodes to the writes that carry it out, the promises first. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { nodes, type Node } from '@timonel/sdk/kube';
import { writeClaims, type StoredClaims } from './claims.ts';
import { waitsForRange, type Plan } from './plan.ts';

/** What there is to give. */
export interface Supply {
  readonly clusterCidr: string;
  /** How many ranges it holds. */
  readonly size: number;
  /** The IPv6 range of the node that has this IPv4 range. Undefined: nodes have none of IPv6. */
  readonly partnerOf: (cidr: string) => string | undefined;
}

export interface Observed extends Observation<Node> {
  readonly supply: Supply;
  /** Of all nodes together. Undefined: asked about one node, of which `subject` is. */
  readonly decided: Plan | undefined;
  /** What was promised before. */
  readonly before: StoredClaims | undefined;
  /** The subject is one of those for which there was no range. */
  readonly isUnserved: boolean;
}

/** Only into this node, not into a later one of its name. The API refuses to change a range that is there. */
function give(node: Node, podCIDR: string, { partnerOf }: Supply): Action {
  const partner = partnerOf(podCIDR);
  const body = [
    { op: 'test', path: '/metadata/uid', value: node.metadata.uid },
    { op: 'add', path: '/spec/podCIDR', value: podCIDR },
    { op: 'add', path: '/spec/podCIDRs', value: partner === undefined ? [podCIDR] : [podCIDR, partner] },
  ];
  const cause = { code: 'NoRange', text: 'they have no range of addresses for their pods' };
  return act.patch(nodes, node, { type: 'json', body }, { cause, independent: true });
}

function allInUse({ clusterCidr, size }: Supply, { metadata: { name = '' } }: Node): string {
  return `all ${size} ranges of ${clusterCidr} are in use: node ${name} gets none until one is free`;
}

function tellUnserved(node: Node, supply: Supply): Action {
  const message = allInUse(supply, node);
  const about = { type: nodes, object: node };
  const event = { reason: 'CIDRNotAvailable', kind: 'Warning', message, once: message, about } as const;
  return act.event(nodes, event, { code: 'NoRangeFree', text: message });
}

export function reconcile({ decided, before, supply }: Observed): Reconciliation {
  if (decided === undefined || before === undefined) return { actions: [] };
  const promise = writeClaims(before, decided.claims);
  return {
    actions: [
      ...(promise === undefined ? [] : [promise]),
      ...decided.assign.map(({ node, podCIDR }) => give(node, podCIDR, supply)),
      ...decided.unserved.map((node) => tellUnserved(node, supply)),
    ],
  };
}

export function explain({ subject, supply, isUnserved }: Observed): readonly Cause[] {
  if (subject === undefined || !waitsForRange(subject)) return [];
  const component = 'controller-nodeipam';
  if (!isUnserved) return [{ component, code: 'NoRange', text: 'it has no range of addresses for its pods yet' }];
  const unblock = 'remove nodes that are no more, or let clusterCidr be larger or nodeMaskBits smaller ranges';
  return [{ component, code: 'NoRangeFree', text: allInUse(supply, subject), unblock }];
}
