/** Profiles of system calls and of AppArmor, as pods name them, for the runtime. */
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { SeccompProfile } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';
import type { NodePolicy } from './node-policy.ts';

/** The container's before the pod's before the node's. Privileged: none holds. @throws ConfigError */
export async function seccompOf(pod: Pod, container: Container, policy: NodePolicy): Promise<SeccompProfile> {
  if (container.securityContext?.privileged === true) return { type: 'Unconfined' };
  const asked = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  const type = asked?.type ?? (policy.seccompDefault ? 'RuntimeDefault' : 'Unconfined');
  if (type === 'RuntimeDefault' || type === 'Unconfined') return { type };
  if (type !== 'Localhost') throw new ConfigError(`seccompProfile.type "${type}" is unknown`);
  return { type, path: await localProfile(asked?.localhostProfile ?? '', policy.seccompDirectory) };
}

async function localProfile(name: string, directory: string): Promise<string> {
  if (name === '' || name.startsWith('/') || name.split('/').includes('..')) {
    throw new ConfigError(`seccomp profile "${name}" must be a path below ${directory}, without ".."`);
  }
  const root = await realpath(directory).catch(() => undefined);
  const path = await realpath(join(directory, name)).catch(() => undefined);
  if (root !== undefined && path?.startsWith(root + sep) === true) return path;
  if (path !== undefined) throw new ConfigError(`seccomp profile "${name}" leads out of ${directory}`);
  throw new ConfigError(`seccomp profile "${name}" is not on this node: put it to ${join(directory, name)}`);
}

/** Undefined: none is asked for, or the runtime's own, if it has one. @throws ConfigError */
export function appArmorOf(pod: Pod, container: Container): string | undefined {
  const asked = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile;
  switch (asked?.type ?? 'RuntimeDefault') {
    case 'RuntimeDefault':
      return undefined;
    case 'Unconfined':
      return 'unconfined';
    case 'Localhost': {
      const name = asked?.localhostProfile?.trim() ?? '';
      if (name !== '') return name;
      throw new ConfigError('appArmorProfile of type Localhost needs the name of a profile in localhostProfile');
    }
    default:
      throw new ConfigError(`appArmorProfile.type "${asked?.type ?? ''}" is unknown`);
  }
}
