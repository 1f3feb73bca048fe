/** The downward API: fields of the pod and its resources as text. Pure. */
import { milliCpu, wholeQuantity, type Container, type Pod, type Quantities } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';

/** What the node adds to the pod's own fields. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly nodeAddress6?: string | undefined;
  /** Of the pod, IPv4 first; may be empty for files that are written before the network is there. */
  readonly podAddresses: readonly string[];
  readonly allocatable: Quantities;
}

const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/;

function joined(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** @throws ConfigError when there is no such field. */
export function fieldValue(pod: Pod, path: string, facts: NodeFacts): string {
  const { metadata, spec } = pod;
  const match = keyed.exec(path);
  if (match !== null) return metadata[match[1] as 'labels' | 'annotations']?.[match[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return joined(metadata.labels);
    case 'metadata.annotations':
      return joined(metadata.annotations);
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.podIP':
      return facts.podAddresses[0] ?? '';
    case 'status.podIPs':
      return facts.podAddresses.join(',');
    case 'status.hostIP':
      return facts.nodeAddress;
    case 'status.hostIPs':
      return [facts.nodeAddress, ...(facts.nodeAddress6 === undefined ? [] : [facts.nodeAddress6])].join(',');
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** As the API rounds: up to whole multiples of the divisor. @throws ConfigError */
export function resourceValue(
  container: Container,
  reference: { resource: string; divisor?: string },
  facts: NodeFacts,
): string {
  const match = /^(limits|requests)\.(.+)$/.exec(reference.resource);
  if (match === null) throw new ConfigError(`unsupported container resource: ${reference.resource}`);
  const [, list, name] = match as unknown as [string, 'limits' | 'requests', string];
  const own = container.resources?.[list]?.[name];
  const text = own ?? (list === 'limits' ? facts.allocatable[name] : container.resources?.limits?.[name]) ?? '0';
  const divisor = reference.divisor === undefined || reference.divisor === '0' ? '1' : reference.divisor;
  const [value, unit] =
    name === 'cpu' ? [milliCpu(text), milliCpu(divisor)] : [wholeQuantity(text), wholeQuantity(divisor)];
  if (value === undefined || unit === undefined || unit === 0) {
    throw new ConfigError(`malformed quantity in ${reference.resource}: "${text}" divided by "${divisor}"`);
  }
  return String(Math.ceil(value / unit));
}
