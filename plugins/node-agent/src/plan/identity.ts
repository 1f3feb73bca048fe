/** Names and labels under which a pod's sandboxes and containers are known to the runtime. */
import { createHash } from 'node:crypto';
import type { Pod } from '@timonel/sdk/kube';
import { isStaticPod } from '../static-pods/identity.ts';

/** The label keys are those the kubelet sets, so that tools which read them find their way. */
export const labelKeys = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  restartCount: 'io.kubernetes.container.restart-count',
  sandboxAttempt: 'timonel.io/sandbox-attempt',
  specImage: 'timonel.io/spec-image',
  nodeName: 'timonel.io/node',
  /** Of a static pod. */
  isStatic: 'timonel.io/static',
  /** Of a sandbox with a user namespace of its own: the first of its ids. */
  firstId: 'timonel.io/first-id',
  /** `repository@sha256:…` of the image that a container was made of. */
  imageDigest: 'timonel.io/image-digest',
  /** Of a container: what may be read only all the way down is. */
  recursiveReadOnly: 'timonel.io/recursive-read-only',
} as const;

const readableLength = 24;

/** Short enough for socket paths, readable for people, unique by 80 bits of hash. */
function identifier(name: string, ...parts: readonly (string | number)[]): string {
  const readable = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, readableLength)
    .replaceAll(/^-+|-+$/g, '');
  const hash = createHash('sha256').update(parts.join('/')).digest('hex').slice(0, 20);
  return `${readable}-${hash}`;
}

export function sandboxId(pod: Pod, attempt: number): string {
  return identifier(pod.metadata.name ?? '', pod.metadata.uid ?? '', attempt);
}

/** The same (pod, container, attempt) always gives the same id: a start repeated after a crash cannot run twice. */
export function containerId(pod: Pod, container: string, attempt: number): string {
  return identifier(container, pod.metadata.uid ?? '', container, attempt);
}

export function podLabels(pod: Pod, nodeName: string): Record<string, string> {
  return {
    [labelKeys.podName]: pod.metadata.name ?? '',
    [labelKeys.podNamespace]: pod.metadata.namespace ?? '',
    [labelKeys.podUid]: pod.metadata.uid ?? '',
    [labelKeys.nodeName]: nodeName,
    ...(isStaticPod(pod) ? { [labelKeys.isStatic]: 'true' } : {}),
  };
}
