/** Why a service has no endpoints that traffic could go to, or fewer than it has pods. */
import { findCondition, isPodReady } from '@timonel/sdk/controller';
import { familiesOf, hasAddress, portsOf, selectsPods, addressOf } from '@timonel/sdk/controller/endpoints';
import type { Cause } from '@timonel/sdk/contracts/why';
import type { Pod, Service } from '@timonel/sdk/kube';
import { isEligible, podEndpoints } from './endpoints.ts';
import { hintsMode, withHints } from './hints.ts';
import type { Observed } from './reconcile.ts';

const component = 'controller-endpointslice';
const namesShown = 3;

function named(pods: readonly Pod[]): string {
  const names = pods.slice(0, namesShown).map(({ metadata }) => metadata.name);
  return `${names.join(', ')}${pods.length > namesShown ? `, and ${pods.length - namesShown} more` : ''}`;
}

function selectorText({ spec }: Service): string {
  return Object.entries(spec.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

interface Trouble {
  readonly code: string;
  readonly text: string;
}

/** What keeps a pod from taking traffic; undefined: nothing does. */
function troubleOf(pod: Pod, service: Service, seen: Observed): Trouble | undefined {
  const { phase, conditions } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return { code: 'pods-ended', text: 'have ended' };
  if (!pod.spec.nodeName && !hasAddress(pod)) return { code: 'pods-not-scheduled', text: 'have no node yet' };
  if (!hasAddress(pod)) return { code: 'pods-without-address', text: 'have no address yet' };
  if (!isEligible(service, pod, seen.node)) return { code: 'node-gone', text: 'are of nodes that do not exist' };
  if (!familiesOf(service).some((family) => addressOf(pod, family) !== undefined))
    return { code: 'other-family', text: `have no address of the family ${familiesOf(service).join(', ')}` };
  const ports = service.spec.ports ?? [];
  if (ports.length > 0 && portsOf(service, pod).length === 0) {
    const wanted = ports.map(({ targetPort, port }) => targetPort ?? port).join(', ');
    return { code: 'no-such-port', text: `have no container port named ${wanted}` };
  }
  if (service.spec.publishNotReadyAddresses === true) return undefined;
  if (pod.metadata.deletionTimestamp !== undefined) return { code: 'pods-terminating', text: 'are being deleted' };
  if (isPodReady(pod)) return undefined;
  const reason = findCondition(conditions, 'Ready')?.reason;
  return { code: 'pods-not-ready', text: `are not ready${reason === undefined ? '' : ` (${reason})`}` };
}

function podCauses(service: Service, seen: Observed): Cause[] {
  const groups = new Map<string, { trouble: Trouble; pods: Pod[] }>();
  for (const pod of seen.pods) {
    const trouble = troubleOf(pod, service, seen);
    if (trouble === undefined) continue;
    const group = groups.get(trouble.text) ?? { trouble, pods: [] };
    group.pods.push(pod);
    groups.set(trouble.text, group);
  }
  return [...groups.values()]
    .sort((a, b) => b.pods.length - a.pods.length)
    .map(({ trouble, pods }) => ({
      component,
      code: trouble.code,
      text: `${pods.length} of ${seen.pods.length} pods ${trouble.text}: ${named(pods)}`,
      detail: { pods: pods.length, of: seen.pods.length },
      ...(pods[0] === undefined
        ? {}
        : { next: `timonel why pod/${pods[0].metadata.name} -n ${pods[0].metadata.namespace}` }),
    }));
}

function hintCauses(service: Service, seen: Observed): Cause[] {
  if (hintsMode(service) !== 'auto') return [];
  const endpoints = podEndpoints(service, seen.pods, familiesOf(service), seen.node);
  const { refusals } = withHints(service, endpoints, seen.slices, seen.nodes);
  return [...refusals].map(([family, why]) => ({
    component,
    code: 'no-topology-hints',
    text: `traffic does not keep to zones (${family}): ${why}`,
  }));
}

export function explain(seen: Observed): readonly Cause[] {
  const { subject: service, pods, foreignEndpoints } = seen;
  if (service === undefined || service.spec.type === 'ExternalName') return [];
  const { namespace } = service.metadata;
  if (!selectsPods(service)) {
    if (foreignEndpoints > 0) return [];
    const text = 'the service has no selector, and nobody has made endpoints for it';
    return [{ component, code: 'no-selector', text, unblock: 'give it a selector, or make an EndpointSlice' }];
  }
  if (pods.length === 0) {
    const text = `no pod of the namespace ${namespace} has the labels ${selectorText(service)}`;
    return [{ component, code: 'no-pods-selected', text, unblock: `kubectl get pods -n ${namespace} --show-labels` }];
  }
  return [...podCauses(service, seen), ...hintCauses(service, seen)];
}
