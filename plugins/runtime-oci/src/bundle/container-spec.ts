import type { ContainerConfig, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { maskedPaths, readonlyPaths } from '@timonel/sdk/linux';
import type { RuntimeOciConfig } from '../config.ts';
import { deviceSpecs } from './devices.ts';
import { mountSpecs, rootPropagation } from './mounts.ts';
import { processSpec } from './process.ts';
import { seccompRules } from './security.ts';
import { ociVersion, type OciLinux, type OciSpec } from './spec.ts';
import { idMappings } from './user-namespace.ts';
import type { ResolvedUser } from './user.ts';

/** Where the parts of a container lie on the node. */
export interface ContainerPlaces {
  readonly root: string;
  readonly sharedMemory: string;
  readonly terminationFile: string;
  /** The source of each mount. */
  readonly mounts: readonly string[];
}

export interface ContainerSpecInput {
  readonly config: ContainerConfig;
  readonly sandbox: SandboxConfig;
  readonly settings: RuntimeOciConfig;
  readonly user: ResolvedUser;
  readonly cgroup: string;
  readonly places: ContainerPlaces;
  /** The process that holds the namespaces of the sandbox. */
  readonly pausePid: number;
  /** A process in whose pid namespace it runs; undefined: as the sandbox says. */
  readonly processesOf: number | undefined;
}

/** @throws RuntimeError for what cannot be */
export function containerSpec(input: ContainerSpecInput): OciSpec {
  const { config, sandbox, places } = input;
  const devices = deviceSpecs(config);
  const seccomp = seccompRules(config.security);
  const propagation = rootPropagation(config);
  const isOpen = config.security.privileged || config.security.procMount === 'Unmasked';
  return {
    ociVersion,
    process: processSpec({ ...input, hostname: sandbox.hostname }, config),
    root: { path: places.root, readonly: config.security.readOnlyRootFilesystem },
    mounts: mountSpecs(config, sandbox, places),
    linux: {
      cgroupsPath: `/${input.cgroup}`,
      namespaces: namespaces(input),
      ...idMappings(sandbox),
      devices: devices.nodes,
      resources: { devices: devices.rules },
      maskedPaths: isOpen ? [] : maskedPaths,
      readonlyPaths: isOpen ? [] : readonlyPaths,
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

function namespaces({ sandbox, pausePid, processesOf }: ContainerSpecInput): OciLinux['namespaces'] {
  const held = (name: string): string => `/proc/${pausePid}/ns/${name}`;
  const all: OciLinux['namespaces'][number][] = [
    { type: 'mount' },
    { type: 'cgroup' },
    { type: 'uts', path: held('uts') },
  ];
  if (sandbox.userNamespace !== undefined) all.push({ type: 'user', path: held('user') });
  if (!sandbox.hostIpc) all.push({ type: 'ipc', path: held('ipc') });
  if (!sandbox.hostNetwork) all.push({ type: 'network', path: held('net') });
  if (processesOf !== undefined) all.push({ type: 'pid', path: `/proc/${processesOf}/ns/pid` });
  else if (sandbox.hostPid) return all;
  else all.push(sandbox.shareProcessNamespace ? { type: 'pid', path: held('pid') } : { type: 'pid' });
  return all;
}
