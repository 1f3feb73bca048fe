/** Explains services: how they are set up, and what each node has in force of them. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Explainer, NodeTables, Why } from '@timonel/sdk/contracts/why';
import { endpointSlices, isNotFound, nodes, pods, services, type Node, type Service } from '@timonel/sdk/kube';
import type { Versions } from './node-tables.ts';
import { versionsOf } from './read-scene.ts';
import { causesOf, factsOf, isProxied } from './service-facts.ts';

export interface ServiceExplainerParts {
  readonly api: ApiClient;
  readonly env: Pick<Env, 'clock' | 'timers'>;
  readonly clusterDomain: string;
  /** Does not reject. */
  readonly tablesOf: (name: string, node: Node, wanted: Versions) => Promise<NodeTables>;
}

const component = 'why-network';
/** More are not asked: the answer is for people. */
const askedNodes = 16;
/** In this time nodes follow a change. Those that have not are asked once more. */
const followMs = 500;

async function serviceOf(api: ApiClient, namespace: string, name: string): Promise<Service | undefined> {
  try {
    return await api.get(services, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export function serviceExplainer({ api, env, clusterDomain, tablesOf }: ServiceExplainerParts): Explainer {
  async function settledTables(node: Node, wanted: Versions): Promise<NodeTables> {
    const name = node.metadata.name ?? '';
    const tables = await tablesOf(name, node, wanted);
    if (tables.proxy?.current !== false) return tables;
    await env.timers.sleep(followMs);
    return tablesOf(name, node, wanted);
  }
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
      const wanted = versionsOf({ services: [service], endpointslices: slices });
      const tables = await Promise.all(asked.map((node) => settledTables(node, wanted)));
      const now = env.clock.now();
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
