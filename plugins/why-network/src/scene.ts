/** Everything that counts for one question, without the API. */
import type { NodeTables } from '@timonel/sdk/contracts/why';
import type { EndpointSlice, Labels, NetworkPolicy, Node, Pod, Service } from '@timonel/sdk/kube';

export interface PodEnd {
  readonly kind: 'pod';
  readonly pod: Pod;
}

export interface ServiceEnd {
  readonly kind: 'service';
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  /** Those that endpoints name, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
}

/** An address that belongs to no pod and no service. */
export interface AddressEnd {
  readonly kind: 'address';
  readonly address: string;
  /** The node whose address it is. */
  readonly node?: string;
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface Scene {
  readonly from: PodEnd | AddressEnd;
  readonly to: PodEnd | ServiceEnd | AddressEnd;
  readonly protocol: Protocol;
  /** A number, or the name of a port. Absent: the only one there is. */
  readonly port: string | undefined;
  /** Of the namespaces of all pods that are here. */
  readonly policies: readonly NetworkPolicy[];
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly tables: readonly NodeTables[];
}

export const keyOf = ({ metadata }: Pod | Service): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;

export function addressesOf({ status }: Pod): readonly string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return all.filter((address) => address !== '');
}

/** IPv4, for which the tables of this cluster are. */
export function addressOf(pod: Pod): string | undefined {
  const all = addressesOf(pod);
  return all.find((address) => address.includes('.')) ?? all[0];
}

export function isReadyNode(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
