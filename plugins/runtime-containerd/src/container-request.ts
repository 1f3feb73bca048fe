import { existsSync } from 'node:fs';
import { effectiveCapabilities, maskedPaths, readonlyPaths } from '@timonel/sdk/linux';
import {
  RuntimeError,
  type ContainerConfig,
  type LinuxResources,
  type Mount,
  type SandboxConfig,
  type SecuritySettings,
} from '@timonel/sdk/contracts/runtime';
import { labels, storedAnnotation } from './identity.ts';
import { criResources } from './resources.ts';
import { namespaceModes, namespacesOf, parsed } from './sandbox-request.ts';

/** What we want to know of a container later on, and containerd does not tell. */
export interface StoredContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly imageId: string;
  readonly imageReference: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly terminationMessagePath: string;
  readonly stopSignal: string;
  readonly resources: LinuxResources;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerPlace {
  readonly instance: string;
  readonly cgroup: 'v1' | 'v2';
  /** containerd's id of the image. */
  readonly image: string;
  /** File of the node that the container finds at its termination message path. Undefined: none. */
  readonly messageFile: string | undefined;
  /** containerd's id of the container whose processes it sees. */
  readonly target: string | undefined;
}

export function storedContainer(annotations: Readonly<Record<string, string>>): StoredContainer | undefined {
  return parsed(annotations) as StoredContainer | undefined;
}

const propagations: Readonly<Record<Mount['propagation'], number>> = { private: 0, rslave: 1, rshared: 2 };

/** @throws RuntimeError CreateContainerConfigError for what containerd 1.6 cannot do */
export function checkContainer(config: ContainerConfig): void {
  const refuse = (message: string): never => {
    throw new RuntimeError('CreateContainerConfigError', message);
  };
  const { security, mounts, name } = config;
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.'))
    refuse(`"${name}" cannot be the name of a container and its log`);
  if (config.command.length === 0) refuse('the container has no command, and its image names none');
  if (security.procMount === 'Unmasked')
    refuse('procMount Unmasked needs a user namespace, which containerd 1.6 has not');
  const { unknown } = effectiveCapabilities(security);
  if (unknown.length > 0) refuse(`unknown capability "${unknown[0]}"`);
  for (const { hostPath, containerPath } of mounts) {
    // containerd would make a directory of it.
    if (!existsSync(hostPath)) refuse(`${hostPath}, to be mounted at ${containerPath}, does not exist on the node`);
  }
}

function userOf(user: string): object {
  const [name = '', group = ''] = user.split(':');
  const number = (text: string): boolean => /^\d+$/.test(text);
  const gid = number(group) ? { runAsGroup: { value: Number(group) } } : {};
  if (name === '') return { runAsUser: { value: 0 }, ...gid };
  if (!number(name)) return { runAsUsername: group === '' || number(group) ? name : user, ...gid };
  // containerd looks a group's name up when it gets the two as one text.
  return group === '' || number(group) ? { runAsUser: { value: Number(name) }, ...gid } : { runAsUsername: user };
}

function appArmorOf({ appArmor }: SecuritySettings): object {
  if (appArmor === undefined) return {};
  return { apparmor: appArmor === 'unconfined' ? { profileType: 1 } : { profileType: 2, localhostRef: appArmor } };
}

function securityContext(config: ContainerConfig, sandbox: SandboxConfig, place: ContainerPlace): object {
  const { security } = config;
  const target = place.target === undefined ? {} : { pid: namespaceModes.target, targetId: place.target };
  return {
    capabilities: { addCapabilities: security.addCapabilities, dropCapabilities: security.dropCapabilities },
    privileged: security.privileged,
    namespaceOptions: { ...namespacesOf(sandbox), ...target },
    ...userOf(config.user),
    readonlyRootfs: security.readOnlyRootFilesystem,
    supplementalGroups: config.supplementalGroups,
    noNewPrivs: security.noNewPrivileges,
    ...(security.privileged ? {} : { maskedPaths, readonlyPaths }),
    // The filter comes with what is added to containerd's record.
    seccomp: { profileType: 1 },
    ...appArmorOf(security),
  };
}

function mountsOf(config: ContainerConfig, messageFile: string | undefined): object[] {
  const mounts = config.mounts.map(({ hostPath, containerPath, readOnly, propagation }) => ({
    hostPath,
    containerPath,
    readonly: readOnly,
    propagation: propagations[propagation],
  }));
  if (messageFile === undefined) return mounts;
  return [
    ...mounts,
    { hostPath: messageFile, containerPath: config.terminationMessagePath, readonly: false, propagation: 0 },
  ];
}

function stored(config: ContainerConfig, podUid: string): StoredContainer {
  const { id, sandboxId, name, attempt, image, stdin, stdinOnce, tty, terminationMessagePath, resources } = config;
  return {
    id,
    sandboxId,
    podUid,
    name,
    attempt,
    imageId: image.imageId,
    imageReference: image.reference,
    stdin,
    stdinOnce,
    tty,
    terminationMessagePath,
    stopSignal: config.stopSignal ?? '',
    resources,
    labels: config.labels,
  };
}

/** Relative to the log directory of the sandbox. */
export function logPathOf(config: Pick<ContainerConfig, 'name' | 'attempt'>): string {
  return `${config.name}/${config.attempt}.log`;
}

export function containerRequest(config: ContainerConfig, sandbox: SandboxConfig, place: ContainerPlace): object {
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: { image: place.image },
    command: config.command,
    workingDir: config.workingDir,
    envs: config.env.map(({ name, value }) => ({ key: name, value })),
    mounts: mountsOf(config, place.messageFile),
    devices: config.devices ?? [],
    labels: { [labels.instance]: place.instance, [labels.id]: config.id },
    annotations: { [storedAnnotation]: JSON.stringify(stored(config, sandbox.podUid)) },
    logPath: logPathOf(config),
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: {
      resources: criResources(config.resources, place.cgroup),
      securityContext: securityContext(config, sandbox, place),
    },
  };
}
