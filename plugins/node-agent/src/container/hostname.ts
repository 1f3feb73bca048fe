/** What a pod is called within. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';

const labelLimit = 63;
const kernelLimit = 64;

/** spec.hostname or the pod's name, cut to what a label of DNS takes. */
export function hostnameOf({ spec, metadata }: Pod, nodeName: string): string {
  if (spec.hostNetwork === true) return nodeName;
  const override = spec['hostnameOverride'] as string | undefined;
  if (override !== undefined && override !== '') return override;
  const wanted = spec.hostname ?? metadata.name ?? '';
  return wanted.slice(0, labelLimit).replace(/[-.]+$/, '');
}

/** With its domain in the cluster; undefined: it has none there. */
export function fullNameOf(pod: Pod, clusterDomain: string): string | undefined {
  const { spec, metadata } = pod;
  const { subdomain = '' } = spec;
  const isOverridden = (spec['hostnameOverride'] ?? '') !== '';
  if (subdomain === '' || spec.hostNetwork === true || isOverridden) return undefined;
  return `${hostnameOf(pod, '')}.${subdomain}.${metadata.namespace ?? ''}.svc.${clusterDomain}`;
}

/** What the kernel calls it: the full name for pods that ask for it. @throws ConfigError when that is too long for the kernel */
export function kernelNameOf(pod: Pod, nodeName: string, clusterDomain: string): string {
  const full = pod.spec['setHostnameAsFQDN'] === true ? fullNameOf(pod, clusterDomain) : undefined;
  if (full === undefined) return hostnameOf(pod, nodeName);
  if (full.length <= kernelLimit) return full;
  throw new ConfigError(
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${kernelLimit} characters is the max, ${full.length} characters requested)`,
  );
}
