/** The runtime's configuration of one container. Pure. */
import type { ImageInfo } from '@timonel/sdk/contracts/images';
import type { ContainerConfig, Device, Mount, RuntimeInfo, SecuritySettings } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod } from '@timonel/sdk/kube';
import { stopSignalOf } from '../plan/containers.ts';
import { containerId, labelKeys, podLabels } from '../plan/identity.ts';
import { expand } from './expand.ts';
import { linuxResources } from './qos.ts';
import { ConfigError } from './config-error.ts';
import { digestReference } from './image-digest.ts';
import type { NodePolicy } from './node-policy.ts';
import { userOf } from './user.ts';

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly image: ImageInfo;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly hostname: string;
  readonly nodeName: string;
  readonly policy: NodePolicy;
  readonly security: SecuritySettings;
  readonly runtime: Pick<RuntimeInfo, 'name' | 'supplementalGroupsPolicy' | 'recursiveReadOnlyMounts'>;
  /** Id of the container whose processes it sees. */
  readonly processesOf: string | undefined;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** command replaces the entrypoint, and with it the image's arguments; args replace the image's arguments. */
function commandOf({ container, image, env }: ContainerInput): string[] {
  const resolve = (part: string): string => expand(part, (name) => env.get(name));
  const command = container.command ?? [];
  const args = container.args ?? [];
  if (command.length > 0) return [...command, ...args].map(resolve);
  if (args.length > 0) return [...image.config.entrypoint, ...args.map(resolve)];
  return [...image.config.entrypoint, ...image.config.cmd];
}

/** The image's variables, overridden by the pod's. */
function mergedEnv({ image, env, hostname, container }: ContainerInput): { name: string; value: string }[] {
  const merged = new Map<string, string>([
    ['PATH', defaultPath],
    ['HOSTNAME', hostname],
  ]);
  if (container.tty === true) merged.set('TERM', 'xterm');
  for (const assignment of image.config.env) {
    const at = assignment.indexOf('=');
    if (at > 0) merged.set(assignment.slice(0, at), assignment.slice(at + 1));
  }
  for (const [name, value] of env) merged.set(name, value);
  return [...merged].map(([name, value]) => ({ name, value }));
}

/** @throws ConfigError when the runtime cannot keep the groups of the image away */
function groupsPolicyOf({ pod, runtime }: ContainerInput): Pick<ContainerConfig, 'supplementalGroupsPolicy'> {
  const policy = pod.spec.securityContext?.supplementalGroupsPolicy;
  if (policy !== 'Strict') return policy === 'Merge' ? { supplementalGroupsPolicy: policy } : {};
  if (runtime.supplementalGroupsPolicy === true) return { supplementalGroupsPolicy: policy };
  throw new ConfigError(`SupplementalGroupsPolicy=Strict is not supported by runtime "${runtime.name}"`);
}

/** @throws ConfigError */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, attempt, image } = input;
  const context = pod.spec.securityContext;
  const groups = [...(context?.supplementalGroups ?? [])];
  if (context?.fsGroup !== undefined) groups.push(context.fsGroup);
  const workingDir = container.workingDir ?? '';
  const digest = digestReference(container.image ?? '', image.digests);
  return {
    id: containerId(pod, container.name, attempt),
    sandboxId: input.sandboxId,
    name: container.name,
    attempt,
    image: image.rootfs,
    command: commandOf(input),
    env: mergedEnv(input),
    workingDir: workingDir === '' ? image.config.workingDir || '/' : workingDir,
    user: userOf(pod, container, image.config.user),
    supplementalGroups: [...new Set(groups)],
    ...groupsPolicyOf(input),
    mounts: input.mounts,
    ...(input.devices.length > 0 ? { devices: input.devices } : {}),
    resources: linuxResources(pod, container, input.policy),
    security: input.security,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    ...(input.processesOf === undefined ? {} : { processesOf: input.processesOf }),
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    stopSignal: stopSignalOf(container) ?? image.config.stopSignal,
    labels: {
      ...podLabels(pod, input.nodeName),
      [labelKeys.containerName]: container.name,
      [labelKeys.restartCount]: String(attempt),
      [labelKeys.specImage]: container.image ?? '',
      ...(digest === undefined ? {} : { [labelKeys.imageDigest]: digest }),
      ...(input.runtime.recursiveReadOnlyMounts === true ? { [labelKeys.recursiveReadOnly]: 'true' } : {}),
    },
  };
}
