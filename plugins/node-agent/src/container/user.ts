/** Who a container runs as. Pure. */
import type { Container, Pod } from '@timonel/sdk/kube';
import { podText } from '../plan/pod-text.ts';
import { ConfigError } from './config-error.ts';

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
