/** Explains services: how they are set up, and what each node has in force of them. */
import type { Clock } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Explainer, NodeTables, Why } from '@timonel/sdk/contracts/why';
import { endpointSlices, isNotFound, nodes, pods, services, type Node, type Service } from '@timonel/sdk/kube';
import { causesOf, factsOf, isProxied } from './service-facts.ts';

export interface ServiceExplainerParts {
  readonly api: ApiClient;
  readonly clock: Pick<Clock, 'now'>;
  readonly clusterDomain: string;
  /** Does not reject. */
  readonly tablesOf: (name: string, node: Node) => Promise<NodeTables>;
}

const component = 'why-network';
/** More are not asked: the answer is for people. */
const askedNodes = 16;

async function serviceOf(api: ApiClient, namespace: string, name: string): Promise<Service | undefined> {
  try {
    return await api.get(services, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export function serviceExplainer({ api, clock, clusterDomain, tablesOf }: ServiceExplainerParts): Explainer {
  return {
    kinds: () => [{ group: '', resource: 'services' }],
    async explain(object): Promise<Why | undefined> {
      const { namespace = '', name } = object;
      const service = await serviceOf(api, namespace, name);
      if (service === undefined) return undefined;
      const pairs = Object.entries(service.spec.selector ?? {});
      const labelSelector = pairs.map(([key, value]) => `${key}=${value}`).join(',');
      const [{ items: slices }, selected, { items: all }] = await Promise.all([
        api.list(endpointSlices, { namespace, labelSelector: `kubernetes.io/service-name=${name}` }),
        pairs.length === 0 ? { items: [] } : api.list(pods, { namespace, labelSelector }),
        isProxied(service) ? api.list(nodes) : { items: [] },
      ]);
      const asked = all.slice(0, askedNodes);
      const tables = await Promise.all(asked.map((node) => tablesOf(node.metadata.name ?? '', node)));
      const now = clock.now();
      const view = { service, slices, pods: selected.items, nodes: all, tables, clusterDomain, now };
      const causes = causesOf(view, component);
      const { uid } = service.metadata;
      return {
        object: { ...object, ...(uid === undefined ? {} : { uid }) },
        state: causes.length === 0 ? 'AsDeclared' : 'Failing',
        summary: causes[0]?.text ?? 'as declared',
        causes,
        facts: factsOf(view),
        decisions: [],
      };
    },
  };
}
