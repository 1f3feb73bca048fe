/** /etc/resolv.conf of a pod, as the kubelet writes it. Source: resolv.conf(5), and the pods' DNS page of Kubernetes' documentation. */
import type { DnsResolver } from '@timonel/sdk/contracts/dns';
import type { Pod } from '@timonel/sdk/kube';

interface DnsConfig {
  readonly nameservers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly { readonly name: string; readonly value?: string }[];
}

interface Resolv {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

const mostNameservers = 3;
const mostSearches = 32;
const mostSearchCharacters = 2048;
/** Names with fewer dots are tried with the search domains first: `service.namespace.svc` has two. */
const clusterOptions = ['ndots:5'];
const nothing: Resolv = { nameservers: [], searches: [], options: [] };

export interface ResolvInput {
  readonly pod: Pod;
  /** The text of the node's own file. */
  readonly nodeFile: string;
  /** Undefined: the cluster has no DNS on this node. Its pods resolve as the node does then. */
  readonly cluster: DnsResolver | undefined;
}

export function resolvFile(input: ResolvInput): string {
  const base = baseOf(input);
  const config = (input.pod.spec['dnsConfig'] as DnsConfig | undefined) ?? {};
  const nameservers = [...new Set([...base.nameservers, ...(config.nameservers ?? [])])].slice(0, mostNameservers);
  const searches = bounded([...new Set([...base.searches, ...(config.searches ?? [])])]);
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? option, option]));
  for (const { name, value } of config.options ?? []) options.set(name, value ? `${name}:${value}` : name);
  const lines = searches.length > 0 ? [`search ${searches.join(' ')}`] : [];
  lines.push(...nameservers.map((server) => `nameserver ${server}`));
  if (options.size > 0) lines.push(`options ${[...options.values()].join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function baseOf({ pod, nodeFile, cluster }: ResolvInput): Resolv {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return nothing;
  const ofCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true);
  const node = readResolv(nodeFile);
  if (!ofCluster || cluster === undefined) return node;
  const { nameservers, domain } = cluster;
  const own = [`${pod.metadata.namespace ?? 'default'}.svc.${domain}`, `svc.${domain}`, domain];
  return { nameservers, searches: [...own, ...node.searches], options: clusterOptions };
}

function readResolv(text: string): Resolv {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const valuesOf = (key: string): string[] => lines.flatMap(([name, ...rest]) => (name === key ? rest : []));
  // The last of several lines counts. Source: resolv.conf(5).
  const searches = lines.findLast(([name]) => name === 'search')?.slice(1) ?? [];
  return { nameservers: valuesOf('nameserver'), searches, options: valuesOf('options') };
}

function bounded(searches: readonly string[]): string[] {
  const kept: string[] = [];
  let characters = 0;
  for (const search of searches.slice(0, mostSearches)) {
    characters += search.length + 1;
    if (characters > mostSearchCharacters + 1) break;
    kept.push(search);
  }
  return kept;
}
