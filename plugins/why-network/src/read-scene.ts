/** Reads from the API what counts for one question. */
import { isIP } from 'node:net';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { NodeTables } from '@timonel/sdk/contracts/why';
import { compareResourceVersions } from '@timonel/sdk/controller';
import {
  ApiError,
  endpointSlices,
  isNotFound,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  services,
  type KubeObject,
  type Labels,
  type Namespace,
  type NetworkPolicy,
  type Node,
  type Pod,
} from '@timonel/sdk/kube';
import type { Versions } from './node-tables.ts';
import { nodeOf } from './path.ts';
import { keyOf, type AddressEnd, type PodEnd, type Protocol, type Scene, type ServiceEnd } from './scene.ts';

/** As people name it: `pod/web-0` or `service/web` of a namespace, or an IP address. */
export interface EndName {
  readonly kind: 'pods' | 'services' | 'addresses';
  readonly namespace: string;
  readonly name: string;
}

export interface Question {
  readonly from: EndName;
  readonly to: EndName;
  readonly protocol: Protocol;
  readonly port: string | undefined;
}

/** Whether whoever asks may ask about pods or services of a namespace. */
export type MayAsk = (kind: 'pods' | 'services', namespace: string) => Promise<boolean>;

export interface SceneReader {
  readonly api: ApiClient;
  readonly tablesOf: (name: string, node: Node | undefined, wanted: Versions) => Promise<NodeTables>;
}

type End = PodEnd | ServiceEnd | AddressEnd;

async function findOrNone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function serviceEnd(api: ApiClient, namespace: string, name: string): Promise<ServiceEnd> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const [service, { items }] = await Promise.all([
    api.get(services, { namespace, name }),
    api.list(endpointSlices, { namespace, labelSelector }),
  ]);
  const refs = items.flatMap(({ endpoints }) => endpoints ?? []).flatMap(({ targetRef }) => targetRef ?? []);
  const names = new Set(refs.filter(({ kind }) => kind === 'Pod').map((ref) => ref.name ?? ''));
  // Thousands of endpoints are read by one list.
  const all = names.size === 0 ? [] : (await api.list(pods, { namespace })).items;
  const found = all.filter(({ metadata }) => names.has(metadata.name ?? ''));
  return { kind: 'service', service, slices: items, pods: new Map(found.map((pod) => [keyOf(pod), pod])) };
}

/** Whoever has the address now, if it may be told of. */
async function addressEnd(api: ApiClient, address: string, mayAsk: MayAsk): Promise<End> {
  if (isIP(address) === 0) throw new ApiError('BadRequest', `"${address}" is not an IP address`);
  const [{ items: withIt }, { items: all }, { items: machines }] = await Promise.all([
    api.list(pods, { fieldSelector: `status.podIP=${address}` }),
    api.list(services),
    api.list(nodes),
  ]);
  const machine = machines.find(({ status }) => status?.addresses?.some((one) => one.address === address));
  const node = machine?.metadata.name;
  if (node !== undefined) return { kind: 'address', address, node };
  const pod = withIt.find(({ spec, status }) => spec.hostNetwork !== true && status?.phase === 'Running');
  if (pod !== undefined) {
    return (await mayAsk('pods', pod.metadata.namespace ?? '')) ? { kind: 'pod', pod } : { kind: 'address', address };
  }
  const service = all.find(({ spec }) => [spec.clusterIP, ...(spec.clusterIPs ?? [])].includes(address));
  const { namespace = '', name = '' } = service?.metadata ?? {};
  if (service === undefined || !(await mayAsk('services', namespace))) return { kind: 'address', address };
  return serviceEnd(api, namespace, name);
}

async function endOf(api: ApiClient, { kind, namespace, name }: EndName, mayAsk: MayAsk): Promise<End> {
  if (kind === 'addresses') return addressEnd(api, name, mayAsk);
  if (!(await mayAsk(kind, namespace))) {
    const message = `you may not ask about traffic of ${kind} in the namespace "${namespace}": that needs the right to get ${kind}/traffic of why.timonel.dev there`;
    throw new ApiError('Forbidden', message);
  }
  if (kind === 'services') return serviceEnd(api, namespace, name);
  return { kind: 'pod', pod: await api.get(pods, { namespace, name }) };
}

function podsOf(end: End): readonly Pod[] {
  return end.kind === 'pod' ? [end.pod] : end.kind === 'service' ? [...end.pods.values()] : [];
}

/** Also those that endpoints name without a pod, and that of an address. */
function nodesAt(end: End): readonly (string | undefined)[] {
  if (end.kind === 'address') return [end.node];
  return end.kind === 'pod'
    ? []
    : end.slices.flatMap(({ endpoints }) => (endpoints ?? []).map(({ nodeName }) => nodeName));
}

async function policiesOf(api: ApiClient, names: readonly string[]): Promise<readonly NetworkPolicy[]> {
  const lists = await Promise.all(names.map((namespace) => api.list(networkPolicies, { namespace })));
  return lists.flatMap(({ items }) => items);
}

async function spacesOf(api: ApiClient, names: readonly string[]): Promise<readonly Namespace[]> {
  const found = await Promise.all(names.map((name) => findOrNone(api.get(namespaces, { name }))));
  return found.filter((one) => one !== undefined);
}

/** The newest version of each resource. */
export function versionsOf(byResource: Readonly<Record<string, readonly KubeObject[]>>): Versions {
  const newest = Object.entries(byResource).flatMap(([resource, objects]) => {
    const versions = objects.flatMap(({ metadata }) => metadata.resourceVersion ?? []).sort(compareResourceVersions);
    const last = versions.at(-1);
    return last === undefined ? [] : [[resource, last] as const];
  });
  return Object.fromEntries(newest);
}

async function nodesOf(api: ApiClient, names: readonly string[]): Promise<ReadonlyMap<string, Node>> {
  const found = await Promise.all(names.map((name) => findOrNone(api.get(nodes, { name }))));
  return new Map(found.flatMap((node) => (node === undefined ? [] : [[node.metadata.name ?? '', node] as const])));
}

/** Nodes are asked for their tables when there are at most so many. */
const askedNodes = 8;

/** @throws ApiError NotFound, BadRequest, Forbidden */
export async function readScene({ api, tablesOf }: SceneReader, question: Question, mayAsk: MayAsk): Promise<Scene> {
  const { protocol, port } = question;
  const [from, to] = await Promise.all([endOf(api, question.from, mayAsk), endOf(api, question.to, mayAsk)]);
  if (from.kind === 'service') throw new ApiError('BadRequest', 'a service sends nothing: name a pod or an address');
  const ends = [...podsOf(from), ...podsOf(to)];
  const spaces = [...new Set(ends.map(({ metadata }) => metadata.namespace ?? ''))];
  const sender = nodeOf(from);
  const near = [sender, ...nodesAt(to), ...ends.map(({ spec }) => spec.nodeName)];
  const names = [...new Set(near.filter((name) => name !== undefined))];
  const [policies, found, machines] = await Promise.all([
    policiesOf(api, spaces),
    spacesOf(api, spaces),
    nodesOf(api, names),
  ]);
  const wanted = versionsOf({
    services: to.kind === 'service' ? [to.service] : [],
    endpointslices: to.kind === 'service' ? to.slices : [],
    networkpolicies: policies,
    namespaces: found,
    pods: ends,
  });
  const asked = names.slice(0, askedNodes).map((name) => tablesOf(name, machines.get(name), wanted));
  const labels = new Map<string, Labels>(found.map(({ metadata }) => [metadata.name ?? '', metadata.labels ?? {}]));
  return { from, to, protocol, port, policies, namespaces: labels, nodes: machines, tables: await Promise.all(asked) };
}
