/** Which pods make way for one that the node needs, as the kubelet chooses them. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import { qosClassOf } from '../container/qos.ts';
import { isStaticPod } from '../static-pods/identity.ts';
import { roomRejection, type Place } from './placement.ts';

const systemCritical = 2_000_000_000;

function isNeeded(pod: Pod): boolean {
  return isStaticPod(pod) || (pod.spec.priority ?? 0) >= systemCritical;
}

const order = ['BestEffort', 'Burstable', 'Guaranteed'];

/** Undefined: it has to do without, because it is not of the system or all others together would not be enough. */
export function victimsFor(pod: Pod, place: Place): readonly Pod[] | undefined {
  if (!isNeeded(pod)) return undefined;
  const fitsWithout = (gone: ReadonlySet<Pod>): boolean =>
    roomRejection(pod, { ...place, others: place.others.filter((other) => !gone.has(other)) }) === undefined;
  const victims = new Set<Pod>();
  const candidates = place.others
    .filter((other) => !isNeeded(other))
    .toSorted(
      (a, b) =>
        order.indexOf(qosClassOf(a)) - order.indexOf(qosClassOf(b)) || (a.spec.priority ?? 0) - (b.spec.priority ?? 0),
    );
  for (const candidate of candidates) {
    if (fitsWithout(victims)) break;
    victims.add(candidate);
  }
  if (!fitsWithout(victims)) return undefined;
  // Those that came first may not be needed for what came later.
  for (const candidate of candidates) {
    if (victims.delete(candidate) && !fitsWithout(victims)) victims.add(candidate);
  }
  return [...victims];
}
