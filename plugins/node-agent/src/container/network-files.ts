/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod, which its containers share. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';

interface HostAlias {
  readonly ip: string;
  readonly hostnames?: readonly string[];
}

interface DnsConfig {
  readonly nameservers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly { readonly name: string; readonly value?: string }[];
}

const managedHeader = '# Kubernetes-managed hosts file.';

export function hostsFile(pod: Pod, hostname: string, addresses: readonly string[], clusterDomain: string): string {
  const lines = [
    managedHeader,
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  const { subdomain } = pod.spec;
  const fqdn =
    subdomain === undefined ? '' : `${hostname}.${subdomain}.${pod.metadata.namespace ?? ''}.svc.${clusterDomain}\t`;
  for (const address of addresses) lines.push(`${address}\t${fqdn}${hostname}`);
  const aliases = (pod.spec['hostAliases'] as readonly HostAlias[] | undefined) ?? [];
  if (aliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.');
    for (const alias of aliases) lines.push([alias.ip, ...(alias.hostnames ?? [])].join('\t'));
  }
  return `${lines.join('\n')}\n`;
}

/** `nodeFile`: the node's own resolv.conf, which pods use while the cluster has no DNS of its own. */
export function resolvFile(pod: Pod, nodeFile: string): string {
  const config = (pod.spec['dnsConfig'] as DnsConfig | undefined) ?? {};
  const inherited = pod.spec.dnsPolicy === 'None' ? [] : nodeFile.split('\n');
  const valuesOf = (key: string): string[] =>
    inherited.flatMap((line) => {
      const [name, ...rest] = line.trim().split(/\s+/);
      return name === key ? rest : [];
    });
  const servers = [...new Set([...valuesOf('nameserver'), ...(config.nameservers ?? [])])].slice(0, 3);
  const searches = [...new Set([...valuesOf('search'), ...(config.searches ?? [])])].slice(0, 32);
  const options = [
    ...valuesOf('options'),
    ...(config.options ?? []).map(({ name, value }) => (value ? `${name}:${value}` : name)),
  ];
  const lines = searches.length > 0 ? [`search ${searches.join(' ')}`] : [];
  lines.push(...servers.map((server) => `nameserver ${server}`));
  if (options.length > 0) lines.push(`options ${[...new Set(options)].join(' ')}`);
  return `${lines.join('\n')}\n`;
}

export interface NetworkFilesInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly podDirectory: string;
  readonly hostname: string;
  readonly addresses: readonly string[];
  readonly clusterDomain: string;
}

/** Writes the files and answers their mounts, without those whose place the container mounts over itself. */
export async function networkFileMounts(input: NetworkFilesInput): Promise<Mount[]> {
  const { pod, hostname } = input;
  const directory = join(input.podDirectory, 'etc');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const nodeResolv = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const files: [name: string, text: string][] = [
    ['hostname', `${hostname}\n`],
    ['resolv.conf', resolvFile(pod, nodeResolv)],
  ];
  if (pod.spec.hostNetwork === true) files.push(['hosts', await readFile('/etc/hosts', 'utf8').catch(() => '')]);
  else files.push(['hosts', hostsFile(pod, hostname, input.addresses, input.clusterDomain)]);
  const taken = new Set((input.container.volumeMounts ?? []).map((mount) => mount.mountPath));
  const mounts: Mount[] = [];
  for (const [name, text] of files) {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o644 });
    const containerPath = `/etc/${name}`;
    if (taken.has(containerPath) || taken.has('/etc')) continue;
    mounts.push({ hostPath: path, containerPath, readOnly: false, propagation: 'private' });
  }
  return mounts;
}
