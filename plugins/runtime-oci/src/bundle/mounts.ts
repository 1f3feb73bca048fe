import { statSync } from 'node:fs';
import { errorCode, errorMessage } from '@timonel/sdk';
import { RuntimeError, type ContainerConfig, type Mount, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { ContainerPlaces } from './container-spec.ts';
import type { OciMount } from './spec.ts';

/** The kernel's file systems, then what was asked for: short paths first, so that no mount hides another one. */
export function mountSpecs(
  config: ContainerConfig,
  sandbox: SandboxConfig,
  { sharedMemory, terminationFile, mounts }: ContainerPlaces,
): readonly OciMount[] {
  const asked = config.mounts.map((mount, index) => bind({ ...mount, hostPath: mounts[index] ?? mount.hostPath }));
  if (config.terminationMessagePath !== '') {
    const file = { hostPath: terminationFile, containerPath: config.terminationMessagePath, readOnly: false };
    asked.push(bind({ ...file, propagation: 'private' }));
  }
  asked.sort((a, b) => a.destination.split('/').length - b.destination.split('/').length);
  const named = new Set(asked.map(({ destination }) => destination.replace(/\/+$/, '')));
  return [
    ...kernelMounts(config, sandbox, sharedMemory).filter(({ destination }) => !named.has(destination)),
    ...asked,
  ];
}

function kernelMounts(config: ContainerConfig, sandbox: SandboxConfig, sharedMemory: string): readonly OciMount[] {
  const access = config.security.privileged ? 'rw' : 'ro';
  const quiet = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: quiet },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
    {
      destination: '/dev/shm',
      type: 'bind',
      source: sandbox.hostIpc ? '/dev/shm' : sharedMemory,
      options: ['rbind', 'rprivate', ...quiet, 'rw'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...quiet, 'relatime', access] },
  ];
}

function bind(mount: Mount): OciMount {
  const readOnly = mount.readOnly ? [mount.recursiveReadOnly === false ? 'ro' : 'rro'] : ['rw'];
  const propagation = mount.propagation === 'private' ? 'rprivate' : mount.propagation;
  return {
    destination: mount.containerPath,
    type: 'bind',
    source: mount.hostPath,
    options: ['rbind', propagation, ...readOnly],
  };
}

/** Mounts that reach the node, or come from it while the container runs, need a root that lets them through. */
export function rootPropagation(config: ContainerConfig): string | undefined {
  const asked = new Set(config.mounts.map(({ propagation }) => propagation));
  return asked.has('rshared') ? 'rshared' : asked.has('rslave') ? 'rslave' : undefined;
}

/** @throws RuntimeError for a mount that cannot be */
export function checkMounts(config: ContainerConfig): void {
  const paths = [...config.mounts.map(({ containerPath }) => containerPath), config.terminationMessagePath];
  const wrong = paths.filter(Boolean).find((path) => !path.startsWith('/') || path.split('/').includes('..'));
  if (wrong !== undefined) refuse(`the mount path "${wrong}" is not absolute or contains ".."`);
  if (config.mounts.some(({ containerPath }) => /^[/.]*$/.test(containerPath))) {
    refuse('nothing can be mounted over the root directory of a container');
  }
  for (const { hostPath } of config.mounts) {
    if (!hostPath.startsWith('/')) refuse(`the path "${hostPath}" of a mount is not absolute`);
    try {
      statSync(hostPath);
    } catch (error) {
      const why =
        errorCode(error) === 'ENOENT' ? 'does not exist on this node' : `cannot be used: ${errorMessage(error)}`;
      throw new RuntimeError('CreateContainerError', `"${hostPath}", which is to be mounted, ${why}`, { cause: error });
    }
  }
}

function refuse(text: string): never {
  throw new RuntimeError('CreateContainerConfigError', text);
}
