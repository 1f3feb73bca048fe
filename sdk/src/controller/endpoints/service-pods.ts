/** Which pods are behind a service, and what they offer for it: addresses, ports, names. */
import type { Endpoint, EndpointSlice, KubeObject, Pod, Service } from '../../kube/index.ts';

export type SlicePort = NonNullable<EndpointSlice['ports']>[number];

type ServicePort = NonNullable<Service['spec']['ports']>[number];

/** Label of EndpointSlices: the service they belong to. */
export const serviceNameLabel = 'kubernetes.io/service-name';
/** Label of EndpointSlices: who keeps them. */
export const sliceManagedByLabel = 'endpointslice.kubernetes.io/managed-by';
/** Label of EndpointSlices and Endpoints of services without a cluster IP. */
export const headlessLabel = 'service.kubernetes.io/headless';
/** Annotation: since when the change was to be seen that led to this state. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Whether the endpoints of the service are its pods. Without a selector they are made by hand. */
export function selectsPods({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0;
}

/** Whether the pod is behind the service. Both are of one namespace. */
export function isSelected(service: Service, pod: Pod): boolean {
  if (!selectsPods(service)) return false;
  const labels = pod.metadata.labels ?? {};
  return Object.entries(service.spec.selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Index of pods: each label in its namespace. {@link selectionIndexValue} answers where the pods of a service are found. */
export function byNamespacedLabel({ metadata }: KubeObject): readonly string[] {
  return Object.entries(metadata.labels ?? {}).map(([key, value]) => `${metadata.namespace}/${key}=${value}`);
}

/** All pods of the service have one value of the index {@link byNamespacedLabel} in common; others may have it too. */
export function selectionIndexValue({ metadata, spec }: Service): string {
  const [[key, value] = ['', '']] = Object.entries(spec.selector ?? {});
  return `${metadata.namespace}/${key}=${value}`;
}

/** Whether the pod can be an endpoint: it has an address and has not ended. */
export function hasAddress(pod: Pod): boolean {
  const { phase, podIP, podIPs } = pod.status ?? {};
  return phase !== 'Succeeded' && phase !== 'Failed' && (Boolean(podIP) || Boolean(podIPs?.length));
}

/** The pod's address of a family (`IPv4`, `IPv6`). */
export function addressOf(pod: Pod, family: string): string | undefined {
  const { podIP, podIPs } = pod.status ?? {};
  const listed = (podIPs ?? []).map(({ ip }) => ip);
  const all = listed.length > 0 ? listed : [podIP ?? ''];
  return all.find((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6'));
}

/** The families of the service's addresses, the first one first. */
export function familiesOf({ spec }: Service): readonly string[] {
  const families = spec.ipFamilies ?? [];
  if (families.length > 0) return families;
  return [spec.clusterIP?.includes(':') === true ? 'IPv6' : 'IPv4'];
}

export function isHeadless({ spec }: Service): boolean {
  return !spec.clusterIP || spec.clusterIP === 'None';
}

/** The number of the service's port in this pod; undefined when no container has a port of that name. */
export function targetPortOf(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  const protocol = port.protocol ?? 'TCP';
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    const found = container.ports?.find(({ name, protocol: own }) => name === target && (own ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** The service's ports as this pod has them; those it does not have are left out. */
export function portsOf(service: Service, pod: Pod): SlicePort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    const { name, protocol, appProtocol } = port;
    return [{ name: name ?? '', protocol: protocol ?? 'TCP', port: number, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

/** The name under which DNS knows the pod below the service's. */
export function hostnameOf(service: Service, pod: Pod): string | undefined {
  return pod.spec.subdomain === service.metadata.name && pod.spec.hostname ? pod.spec.hostname : undefined;
}

export function podReference(pod: Pod): NonNullable<Endpoint['targetRef']> {
  const { namespace, name, uid } = pod.metadata;
  return {
    kind: 'Pod',
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Whether a change of a pod may change endpoints. */
export function endpointChanged(before: Pod, after: Pod): boolean {
  return facts(before) !== facts(after);
}

function facts({ metadata, spec, status }: Pod): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return JSON.stringify([
    metadata.labels,
    metadata.deletionTimestamp === undefined,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status?.phase === 'Succeeded' || status?.phase === 'Failed',
    status?.podIP,
    status?.podIPs,
    ready?.status,
  ]);
}
