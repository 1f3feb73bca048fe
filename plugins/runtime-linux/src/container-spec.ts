import { join } from 'node:path';
import { RuntimeError, type ContainerConfig, type Mount, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { capabilityBits, isRootless, maskedPaths, readonlyPaths } from '@timonel/sdk/linux';
import { appArmorEntries } from './apparmor.ts';
import { containerCapabilities } from './capabilities.ts';
import type { DeviceDriver } from '@timonel/sdk/linux/cgroup';
import type { RuntimeLinuxConfig } from './config.ts';
import { allowedDevices, deviceEntries, deviceFilterEntries, givenDeviceEntries } from './device-spec.ts';
import { limitEntries } from './resource-limits.ts';
import { seccompEntries } from './seccomp/filters.ts';
import type { SpecEntry } from './spec-file.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ContainerSpecInput {
  readonly config: ContainerConfig;
  readonly sandbox: SandboxConfig;
  readonly settings: RuntimeLinuxConfig;
  readonly cgroups: DeviceDriver;
  readonly cgroup: string;
  /** On disk. */
  readonly directory: string;
  readonly sandboxDirectory: string;
  readonly logPath: string;
  readonly eventFile: string;
  /** A process in whose pid namespace it runs; undefined: as the sandbox says. */
  readonly processesOf: number | undefined;
}

/** Everything timonel-monitor must know to make the container. @throws RuntimeError when it asks for what cannot be */
export function containerSpec(input: ContainerSpecInput): SpecEntry[] {
  const { config, cgroups, cgroup } = input;
  const ids = input.sandbox.userNamespace?.length ?? Infinity;
  const beyond = config.supplementalGroups.find((group) => group >= ids);
  if (beyond !== undefined) {
    const why = `group ${beyond} is beyond the ${ids} ids of the pod's user namespace`;
    throw new RuntimeError('CreateContainerConfigError', why);
  }
  if (config.security.procMount === 'Unmasked' && input.sandbox.userNamespace === undefined) {
    const why = "procMount: Unmasked shows what is the whole node's: it goes with hostUsers: false only";
    throw new RuntimeError('CreateContainerConfigError', why);
  }
  return [
    ['log', input.logPath],
    ['logLimit', String(input.settings.logMaxBytes)],
    ['logFiles', String(input.settings.logMaxFiles)],
    ['event', input.eventFile],
    ['state', input.directory],
    ['oomFile', cgroups.oomFile(cgroup)],
    ...config.image.layers.map((layer): SpecEntry => ['layer', layer]),
    ...namespaces(input.sandbox, input.sandboxDirectory, input.processesOf),
    ...cgroups.joinFiles(cgroup).map((file): SpecEntry => ['cgroup', file]),
    ...cgroups.containerMounts.map((name): SpecEntry => ['cgroupMount', name]),
    ...deviceEntries(config, input.sandbox, cgroups.limitsDevices),
    ...mounts(input),
    ...givenDeviceEntries(config),
    ...deviceFilterEntries(cgroups.deviceFilter(cgroup, allowedDevices(config))),
    ['stdin', config.stdin ? '1' : '0'],
    ['stdinOnce', config.stdinOnce ? '1' : '0'],
    ['rootByChroot', input.settings.rootSwitch === 'chroot' ? '1' : '0'],
    ...processEntries(config, input.sandbox.hostname),
    ...securityEntries(config),
    ...seccompEntries(config.security),
    ...limits(config, input.settings),
    ...oomScore(config.resources),
  ];
}

/** A further process in the container: the same user, environment and privileges, another command. */
export function execSpec(
  config: ContainerConfig,
  sandbox: SandboxConfig,
  run: {
    readonly command: readonly string[];
    readonly tty: boolean;
    readonly pid: number;
    readonly joinFiles: readonly string[];
    /** The filter of system calls that the container was made with. */
    readonly filter: readonly SpecEntry[];
    readonly settings: RuntimeLinuxConfig;
  },
): SpecEntry[] {
  return [
    ['pid', String(run.pid)],
    ...idEntries(sandbox),
    ...run.filter,
    ...limits(config, run.settings),
    ...run.joinFiles.map((file): SpecEntry => ['cgroup', file]),
    ...processEntries({ ...config, command: run.command, tty: run.tty }, sandbox.hostname),
    ...securityEntries(config).filter(([key]) => key !== 'mask' && key !== 'readonlyPath' && key !== 'readonlyRoot'),
  ];
}

/** Which ids of the node are those of a pod with a user namespace of its own. */
export function idEntries({ userNamespace }: SandboxConfig): SpecEntry[] {
  if (userNamespace === undefined) return [];
  const { firstUid, firstGid, length } = userNamespace;
  return [['ids', `${firstUid} ${firstGid} ${length}`]];
}

function namespaces(sandbox: SandboxConfig, directory: string, processesOf: number | undefined): SpecEntry[] {
  const held = (name: string): string => join(directory, 'ns', name);
  const entries: SpecEntry[] = [['ns.uts', held('uts')], ...idEntries(sandbox)];
  if (sandbox.userNamespace !== undefined) entries.push(['ns.user', held('user')]);
  if (!sandbox.hostIpc) entries.push(['ns.ipc', held('ipc')]);
  if (!sandbox.hostNetwork) entries.push(['ns.net', held('net')]);
  if (processesOf !== undefined) entries.push(['ns.pid', `/proc/${processesOf}/ns/pid`]);
  else if (sandbox.hostPid) entries.push(['hostPid', '1']);
  else if (sandbox.shareProcessNamespace) entries.push(['ns.pid', held('pid')]);
  return entries;
}

function mounts({ config, sandbox, directory, sandboxDirectory }: ContainerSpecInput): SpecEntry[] {
  const shared = sandbox.hostIpc ? '/dev/shm' : join(sandboxDirectory, 'ns', 'shm');
  const memory: Mount = { hostPath: shared, containerPath: '/dev/shm', readOnly: false, propagation: 'private' };
  const all = [memory, ...config.mounts];
  if (config.terminationMessagePath !== '') {
    const hostPath = join(directory, 'termination');
    all.push({ hostPath, containerPath: config.terminationMessagePath, readOnly: false, propagation: 'private' });
  }
  return all.flatMap((mount): SpecEntry[] => [
    ['mount', `${!mount.readOnly ? 'w' : mount.recursiveReadOnly === false ? 'r' : 'R'},${mount.propagation}`],
    ['mountSource', mount.hostPath],
    ['mountTarget', mount.containerPath],
  ]);
}

function processEntries(config: ContainerConfig, hostname: string): SpecEntry[] {
  const named = new Set(config.env.map(({ name }) => name));
  const env = config.env.map(({ name, value }) => `${name}=${value}`);
  if (!named.has('PATH')) env.push(`PATH=${defaultPath}`);
  if (!named.has('HOSTNAME')) env.push(`HOSTNAME=${hostname}`);
  if (config.tty && !named.has('TERM')) env.push('TERM=xterm');
  return [
    ...config.command.map((argument): SpecEntry => ['arg', argument]),
    ...env.map((variable): SpecEntry => ['env', variable]),
    ['rootless', isRootless() ? '1' : '0'],
    ['cwd', config.workingDir],
    ['user', config.user],
    ...config.supplementalGroups.map((group): SpecEntry => ['group', String(group)]),
    ['strictGroups', config.supplementalGroupsPolicy === 'Strict' ? '1' : '0'],
    ['tty', config.tty ? '1' : '0'],
  ];
}

function securityEntries(config: ContainerConfig): SpecEntry[] {
  const { security } = config;
  const entries: SpecEntry[] = [
    ['capabilities', capabilityBits(containerCapabilities(security)).toString(16)],
    ['noNewPrivileges', security.noNewPrivileges ? '1' : '0'],
    ['readonlyRoot', security.readOnlyRootFilesystem ? '1' : '0'],
    ['privileged', security.privileged ? '1' : '0'],
    ...appArmorEntries(security.appArmor),
  ];
  if (security.privileged || security.procMount === 'Unmasked') return entries;
  return [
    ...entries,
    ...maskedPaths.map((path): SpecEntry => ['mask', path]),
    ...readonlyPaths.map((path): SpecEntry => ['readonlyPath', path]),
  ];
}

function limits(config: ContainerConfig, { openFilesLimit }: RuntimeLinuxConfig): SpecEntry[] {
  const files = openFilesLimit === undefined ? [] : [{ type: 'nofile', ...openFilesLimit }];
  return limitEntries([...files, ...(config.resourceLimits ?? [])]);
}

function oomScore({ oomScoreAdj }: ContainerConfig['resources']): SpecEntry[] {
  return oomScoreAdj === undefined ? [] : [['oomScoreAdj', String(oomScoreAdj)]];
}
