/** Why a node has not enough for a pod, and how much is short. */
import type { Explained, NodeBatch, PodInfo, Reason } from '../../contracts/scheduler/index.ts';
import { nearestRow } from './nearest.ts';
import { requestOf } from './resource-amounts.ts';
import { oneOf, quantity } from './words.ts';

export const tooManyPods: Reason = Object.freeze({ code: 'too-many-pods', text: 'Too many pods', resolvable: true });

const reasonsLimit = 1024;

/** The reasons of resources, made once. */
export class FitReasons {
  readonly #short = new Map<string, Reason>();
  readonly #oversized = new Map<string, Reason>();

  /** `oversized`: the node is too small even when it is empty. */
  of(resource: string, oversized: boolean): Reason {
    const reasons = oversized ? this.#oversized : this.#short;
    let reason = reasons.get(resource);
    if (reason === undefined) {
      if (reasons.size >= reasonsLimit) reasons.clear();
      const code = `${oversized ? 'oversized' : 'insufficient'}-${resource}`;
      reason = Object.freeze({ code, text: `Insufficient ${resource}`, resolvable: !oversized });
      reasons.set(resource, reason);
    }
    return reason;
  }

  /** undefined: the number of pods. */
  resourceOf({ code }: Reason): string | undefined {
    return code === tooManyPods.code ? undefined : code.slice(code.indexOf('-') + 1);
  }
}

function explainPods({ rows, count, view }: NodeBatch): Explained {
  const excess = (row: number): number => (view.podCount[row] as number) + 1 - (view.allocatablePods[row] as number);
  const row = nearestRow({ rows, count, view }, excess);
  const [node = '', short] = [view.names[row], excess(row)];
  const detail = { resource: 'pods', requested: 1, free: 1 - short, short, node };
  const pods = short === 1 ? 'a pod' : `${short} pods`;
  return { detail, unblock: `remove ${pods} from ${oneOf(count, node)}` };
}

/** `resource` undefined: there are too many pods. */
export function explainShortage(
  { class: { request } }: PodInfo,
  nodes: NodeBatch,
  resource: string | undefined,
): Explained {
  if (resource === undefined) return explainPods(nodes);
  const { view, count } = nodes;
  const requested = requestOf(request, resource);
  const [allocatable, used] = [view.allocatable(resource), view.requested(resource)];
  const missing = (row: number): number => requested - (allocatable[row] as number) + (used[row] as number);
  const row = nearestRow(nodes, missing);
  const node = view.names[row] ?? '';
  const short = missing(row);
  const detail = { resource, requested, free: requested - short, short, node };
  const largest = nodes.rows.subarray(0, count).reduce((most, at) => Math.max(most, allocatable[at] as number), 0);
  if (requested <= largest) {
    return { detail, unblock: `free ${quantity(resource, short)} ${resource} on ${oneOf(count, node)}` };
  }
  const wanted = quantity(resource, requested);
  const lower = largest > 0 ? `ask for at most ${quantity(resource, largest)} ${resource}, or ` : '';
  return { detail: { ...detail, largest }, unblock: `${lower}add a node with ${wanted} ${resource} or more` };
}
