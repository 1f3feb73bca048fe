/** What a pod gets from its service account: the account itself, a volume with its token, Secrets for pulling images. Pure. */
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '@timonel/sdk/kube';

export const tokenDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** A little more than an hour, as in Kubernetes: nodes make it anew after most of it. */
const tokenSeconds = 3607;
const fileMode = 0o644;

export function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

export function accountName({ serviceAccountName }: PodSpec): string {
  return serviceAccountName === undefined || serviceAccountName === '' ? 'default' : serviceAccountName;
}

function wantsToken({ automountServiceAccountToken: ofPod }: PodSpec, account: ServiceAccount): boolean {
  return typeof ofPod === 'boolean' ? ofPod : account.automountServiceAccountToken !== false;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: fileMode,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

const mountsToken = ({ volumeMounts = [] }: Container): boolean =>
  volumeMounts.some(({ mountPath }) => mountPath === tokenDirectory);

function mountToken(spec: PodSpec, suffix: () => string): void {
  const lacking = [...(spec.initContainers ?? []), ...spec.containers].filter((container) => !mountsToken(container));
  if (lacking.length === 0) return;
  const volumes = spec.volumes ?? [];
  const known = volumes.find(({ name }) => name.startsWith(volumePrefix))?.name;
  const name = known ?? `${volumePrefix}${suffix()}`;
  if (known === undefined) spec.volumes = [...volumes, tokenVolume(name)];
  const mount = { name, readOnly: true, mountPath: tokenDirectory };
  for (const container of lacking) container.volumeMounts = [...(container.volumeMounts ?? []), mount];
}

/** Changes the pod. `suffix`: five random letters for the volume's name. */
export function giveAccount({ spec }: Pod, account: ServiceAccount, suffix: () => string): void {
  const name = accountName(spec);
  spec.serviceAccountName = name;
  spec['serviceAccount'] = name;
  if (wantsToken(spec, account)) mountToken(spec, suffix);
  const { imagePullSecrets = [] } = account;
  if ((spec.imagePullSecrets ?? []).length === 0 && imagePullSecrets.length > 0)
    spec.imagePullSecrets = imagePullSecrets.map((reference) => ({ ...reference }));
}
