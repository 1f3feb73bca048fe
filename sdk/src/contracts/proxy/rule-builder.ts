import type { EndpointSlice, Service } from '../../kube/index.ts';
import type { ServicePortRule } from './index.ts';
import type { ProxyNode } from './service-backends.ts';
import { serviceRules } from './service-rules.ts';

interface Built {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly rules: readonly ServicePortRule[];
}

const serviceLabel = 'kubernetes.io/service-name';
const noSlices: readonly EndpointSlice[] = [];

/**
 * Makes the rules for a set of services and their slices, again and again: services of which nothing changed keep the very objects of
 * their rules, so that who uses them finds out quickly what is new. Objects must not change themselves, only be replaced by others.
 */
export class ServiceRuleBuilder {
  #built: ReadonlyMap<string, Built> = new Map();
  #node: ProxyNode | undefined;

  /** As {@link buildServiceRules}. */
  build(services: readonly Service[], slices: readonly EndpointSlice[], node?: ProxyNode): readonly ServicePortRule[] {
    const isSameNode = node?.name === this.#node?.name && node?.zone === this.#node?.zone;
    const before = isSameNode ? this.#built : new Map<string, Built>();
    const byService = groupByService(slices);
    const built = new Map<string, Built>();
    const rules: ServicePortRule[] = [];
    for (const service of services) {
      const key = `${service.metadata.namespace ?? ''}/${service.metadata.name ?? ''}`;
      const own = byService.get(key) ?? noSlices;
      const known = before.get(key);
      const isSame = known !== undefined && known.service === service && sameItems(known.slices, own);
      const now = isSame ? known : { service, slices: own, rules: serviceRules(service, own, node) };
      built.set(key, now);
      rules.push(...now.rules);
    }
    this.#built = built;
    this.#node = node;
    return rules.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }
}

/**
 * The rules for a set of services and their slices (label `kubernetes.io/service-name` names the service). `node`: the one that they
 * are for; without it traffic policies and hints do not count. Pure; the result is sorted, so equal input gives equal output.
 */
export function buildServiceRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  node?: ProxyNode,
): readonly ServicePortRule[] {
  return new ServiceRuleBuilder().build(services, slices, node);
}

function groupByService(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const name = slice.metadata.labels?.[serviceLabel];
    if (name === undefined) continue;
    const key = `${slice.metadata.namespace ?? ''}/${name}`;
    const list = byService.get(key);
    if (list === undefined) byService.set(key, [slice]);
    else list.push(slice);
  }
  return byService;
}

function sameItems(one: readonly EndpointSlice[], other: readonly EndpointSlice[]): boolean {
  return one.length === other.length && one.every((slice, index) => slice === other[index]);
}
