/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod, which its containers share. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DnsResolver } from '@timonel/sdk/contracts/dns';
import type { Mount } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';
import { fullNameOf, hostnameOf } from './hostname.ts';
import { resolvFile } from './resolv-conf.ts';

interface HostAlias {
  readonly ip: string;
  readonly hostnames?: readonly string[];
}

const managedHeader = '# Kubernetes-managed hosts file.';

export function hostsFile(pod: Pod, addresses: readonly string[], clusterDomain: string): string {
  const lines = [
    managedHeader,
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  const full = fullNameOf(pod, clusterDomain);
  const names = [...(full === undefined ? [] : [full]), hostnameOf(pod, '')].join('\t');
  for (const address of addresses) lines.push(`${address}\t${names}`);
  const aliases = (pod.spec['hostAliases'] as readonly HostAlias[] | undefined) ?? [];
  if (aliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.');
    for (const alias of aliases) lines.push([alias.ip, ...(alias.hostnames ?? [])].join('\t'));
  }
  return `${lines.join('\n')}\n`;
}

export interface NetworkFilesInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly podDirectory: string;
  /** What the kernel calls the pod. */
  readonly hostname: string;
  readonly addresses: readonly string[];
  readonly clusterDomain: string;
  readonly dns: DnsResolver | undefined;
}

/** Writes the files and answers their mounts, without those whose place the container mounts over itself. */
export async function networkFileMounts(input: NetworkFilesInput): Promise<Mount[]> {
  const { pod, hostname } = input;
  const directory = join(input.podDirectory, 'etc');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const nodeResolv = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const files: [name: string, text: string][] = [
    ['hostname', `${hostname}\n`],
    ['resolv.conf', resolvFile({ pod, nodeFile: nodeResolv, cluster: input.dns })],
  ];
  if (pod.spec.hostNetwork === true) files.push(['hosts', await readFile('/etc/hosts', 'utf8').catch(() => '')]);
  else files.push(['hosts', hostsFile(pod, input.addresses, input.clusterDomain)]);
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
