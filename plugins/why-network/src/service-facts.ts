/** How a service is set up, and what is wrong with it on nodes: from objects of the API and what nodes say. Pure. */
import { buildServiceRules, type ServicePortRule } from '@timonel/sdk/contracts/proxy';
import type { Cause, Fact, NodeTables } from '@timonel/sdk/contracts/why';
import type { EndpointSlice, Node, Pod, Service } from '@timonel/sdk/kube';

export interface ServiceView {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  /** That its selector matches. */
  readonly pods: readonly Pod[];
  /** All of them, and of some what they have in force. */
  readonly nodes: readonly Node[];
  readonly tables: readonly NodeTables[];
  readonly clusterDomain: string;
  /** ms since the epoch. */
  readonly now: number;
}

const shown = 5;
const zoneLabel = 'topology.kubernetes.io/zone';

type Endpoint = EndpointSlice['endpoints'][number];

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function some(texts: readonly string[]): string {
  const more = texts.length - shown;
  return `${texts.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function kindText({ spec }: Service): string {
  if (spec.type === 'ExternalName') return `ExternalName: another name for ${spec.externalName ?? ''}`;
  if (spec.clusterIP === 'None') return 'headless: its name leads to the pods themselves';
  const addresses = spec.clusterIPs ?? [spec.clusterIP ?? ''];
  return `${spec.type ?? 'ClusterIP'} ${addresses.filter((one) => one !== '').join(', ')}`.trimEnd();
}

function portsText({ spec }: Service): string {
  const texts = (spec.ports ?? []).map(({ name, port, protocol = 'TCP', targetPort, nodePort }) => {
    const outside = nodePort ? `, at nodes ${nodePort}` : '';
    return `${name ? `${name} ` : ''}${port}/${protocol} to ${targetPort ?? port}${outside}`;
  });
  return texts.length === 0 ? 'none' : some(texts);
}

const isReadyPod = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

function selectorText({ service, pods }: ServiceView): string {
  const pairs = Object.entries(service.spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  if (pairs.length === 0) return 'none: its endpoints are made by others';
  return `${pairs.join(',')}: ${counted(pods.length, 'pod')}, ${pods.filter(isReadyPod).length} ready`;
}

function stateOf({ conditions = {} }: Endpoint): 'ready' | 'ending' | 'not ready' {
  if (conditions.ready ?? true) return 'ready';
  return conditions.serving === true && conditions.terminating === true ? 'ending' : 'not ready';
}

function endpointsText(slices: readonly EndpointSlice[]): string {
  const all = new Map(
    slices.flatMap(({ endpoints }) => endpoints ?? []).map((each) => [each.addresses[0] ?? '', each] as const),
  );
  if (all.size === 0) return 'none';
  const states = ['ready', 'ending', 'not ready'] as const;
  const counts = states.map(
    (state) => [state, [...all.values()].filter((each) => stateOf(each) === state).length] as const,
  );
  const texts = [...all].map(([address, { nodeName }]) => (nodeName ? `${address} on ${nodeName}` : address));
  const parts = counts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
  return `${parts.join(', ')}: ${some(texts)}`;
}

function trafficText({ spec }: Service): string {
  const { sessionAffinity, sessionAffinityConfig } = spec;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const inner = spec.internalTrafficPolicy ?? 'Cluster';
  const isOutside = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const parts = [
    `from inside to endpoints of ${inner === 'Local' ? 'the own node alone' : 'all nodes'}`,
    ...(isOutside
      ? [
          `from outside to endpoints of ${spec.externalTrafficPolicy === 'Local' ? 'the node that is asked' : 'all nodes'}`,
        ]
      : []),
    ...(spec.trafficDistribution === undefined ? [] : [`distribution ${spec.trafficDistribution}`]),
    ...(sessionAffinity === 'ClientIP' ? [`a client stays with one endpoint for ${seconds} s`] : []),
  ];
  return parts.join('; ');
}

function outsideText({ spec, status }: Service): string[] {
  if (spec.type !== 'LoadBalancer') return [];
  const found = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
  return [found.length === 0 ? 'no address yet' : found.join(', ')];
}

/** What proxies are made of on one node. */
function rulesOn({ service, slices, nodes }: ServiceView, name: string): readonly ServicePortRule[] {
  const zone = nodes.find(({ metadata }) => metadata.name === name)?.metadata.labels?.[zoneLabel];
  return buildServiceRules([service], slices, { name, zone });
}

function endpointsOn(rules: readonly ServicePortRule[]): string {
  const backends = new Set(rules.flatMap((rule) => rule.backends.map(({ address }) => address)));
  if (backends.size > 0) return counted(backends.size, 'endpoint');
  return rules.some(({ silent }) => silent)
    ? 'no endpoint of its own: no answer there'
    : 'no endpoint: refused at once';
}

function nodeText(view: ServiceView, { node, ready, proxy, problem }: NodeTables): string {
  const state = ready ? '' : 'the node is not Ready; ';
  if (problem !== undefined) return `${state}could not be asked: ${problem}`;
  if (proxy === undefined) return `${state}no service proxy runs there`;
  const rules = rulesOn(view, node);
  const ago = Math.max(0, Math.round((view.now - proxy.lastSyncAt) / 1000));
  const written = proxy.lastSyncAt === 0 ? 'not written yet' : `written ${ago} s ago`;
  const leads = rules.length === 0 ? '' : `${endpointsOn(rules)}, `;
  return `${state}${proxy.implementation}: ${proxy.current === false ? 'an older state, ' : leads}${written}`;
}

export function factsOf(view: ServiceView): readonly Fact[] {
  const { service, slices, nodes, tables, clusterDomain } = view;
  const { namespace = '', name = '' } = service.metadata;
  const isAlias = service.spec.type === 'ExternalName';
  const more = nodes.length - tables.length;
  return [
    { name: 'type', text: kindText(service) },
    { name: 'DNS name', text: `${name}.${namespace}.svc.${clusterDomain}` },
    ...(isAlias
      ? []
      : [
          { name: 'ports', text: portsText(service) },
          { name: 'selector', text: selectorText(view) },
          { name: 'endpoints', text: endpointsText(slices) },
          ...(service.spec.clusterIP === 'None' ? [] : [{ name: 'traffic', text: trafficText(service) }]),
          ...outsideText(service).map((text) => ({ name: 'load balancer', text })),
        ]),
    ...(isProxied(service) ? tables.map((one) => ({ name: `node ${one.node}`, text: nodeText(view, one) })) : []),
    ...(isProxied(service) && more > 0 ? [{ name: 'more nodes', text: `${more} were not asked` }] : []),
  ];
}

export const isProxied = ({ spec }: Service): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None';

/** Nodes whose proxies do not have the service as the API has it. */
export function causesOf(view: ServiceView, component: string): readonly Cause[] {
  const { service, tables } = view;
  if (!isProxied(service)) return [];
  const group = (names: readonly string[]): Pick<Cause, 'nodes'> => ({ nodes: { count: names.length, names } });
  const failing = tables.filter(({ ready, proxy }) => ready && proxy?.lastError !== undefined);
  const behind = tables.filter(
    ({ ready, proxy }) => ready && proxy?.lastError === undefined && proxy?.current === false,
  );
  const absent = tables.filter(({ ready, proxy, problem }) => ready && proxy === undefined && problem === undefined);
  const namesOf = (list: readonly NodeTables[]): string[] => list.map(({ node }) => node);
  const unblock = 'look at the log of the node';
  return [
    ...failing.map(({ node, proxy }): Cause => {
      const text = `the service proxy of ${node} cannot write its rules: ${proxy?.lastError}`;
      return { component, code: 'proxy-fails', text, ...group([node]), unblock };
    }),
    ...(behind.length === 0
      ? []
      : [
          {
            component,
            code: 'proxy-behind',
            text: 'service proxies have not followed the last change of the service or its endpoints',
            ...group(namesOf(behind)),
            unblock,
          },
        ]),
    ...(absent.length === 0
      ? []
      : [
          {
            component,
            code: 'no-proxy',
            text: 'nodes have no service proxy: services do not work there',
            ...group(namesOf(absent)),
          },
        ]),
  ];
}
