/** securityContext of pod and container as the runtime takes it. */
import type { SecuritySettings } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';
import type { NodePolicy } from './node-policy.ts';
import { podText } from '../plan/pod-text.ts';
import { appArmorOf, seccompOf } from './profiles.ts';

function capabilityNames(names: readonly string[] | undefined): string[] {
  return (names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
}

/** @throws ConfigError when what it asks for is not to be had */
export async function securitySettings(pod: Pod, container: Container, policy: NodePolicy): Promise<SecuritySettings> {
  const context = container.securityContext;
  const privileged = context?.privileged === true;
  const appArmor = appArmorOf(pod, container);
  return {
    privileged,
    readOnlyRootFilesystem: context?.readOnlyRootFilesystem === true,
    // Stricter than Kubernetes, where only an explicit false forbids it: what a spec does not ask for, it does not get.
    noNewPrivileges: context?.allowPrivilegeEscalation !== true && !privileged,
    addCapabilities: capabilityNames(context?.capabilities?.add),
    dropCapabilities: capabilityNames(context?.capabilities?.drop),
    seccomp: await seccompOf(pod, container, policy),
    ...(appArmor === undefined ? {} : { appArmor }),
    ...(context?.procMount === undefined ? {} : { procMount: procMountOf(pod, context.procMount) }),
  };
}

function procMountOf({ spec }: Pod, asked: string): 'Default' | 'Unmasked' {
  if (asked === '' || asked === 'Default') return 'Default';
  if (asked !== 'Unmasked') throw new ConfigError(`procMount "${asked}" is unknown`);
  if (spec.hostUsers === false) return asked;
  throw new ConfigError('procMount Unmasked needs hostUsers: false');
}

/** `uid[:gid]`, the container's setting before the pod's before the image's. @throws ConfigError against runAsNonRoot. */
export function userOf(pod: Pod, container: Container, imageUser: string): string {
  const ofPod = pod.spec.securityContext;
  const own = container.securityContext;
  const uid = own?.runAsUser ?? ofPod?.runAsUser;
  const gid = own?.runAsGroup ?? ofPod?.runAsGroup;
  const [imageName = '', imageGroup] = imageUser.split(':');
  if ((own?.runAsNonRoot ?? ofPod?.runAsNonRoot) === true) refuseRoot(pod, container.name, uid, imageName);
  if (uid === undefined) {
    if (gid === undefined) return imageUser;
    return `${imageName === '' ? '0' : imageName}:${gid}`;
  }
  if (gid !== undefined) return `${uid}:${gid}`;
  // A group of the image belongs to the user of the image.
  return String(uid) === imageName && imageGroup !== undefined ? imageUser : String(uid);
}

function refuseRoot(pod: Pod, name: string, uid: number | undefined, imageName: string): void {
  const who = `(pod: "${podText(pod)}", container: ${name})`;
  if (uid === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${who}`);
  if (uid !== undefined) return;
  if (imageName === '' || imageName === '0' || imageName === 'root') {
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${who}`);
  }
  if (!/^\d+$/.test(imageName)) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${imageName}), cannot verify user is non-root ${who}`,
    );
  }
}
