import type { ContainerConfig, RootFilesystem, SandboxConfig } from '@timonel/sdk/contracts/runtime';

/** A sandbox with nothing special about it. */
export function sandboxConfig(id: string, logDirectory: string, changes: Partial<SandboxConfig> = {}): SandboxConfig {
  return {
    id,
    podUid: `uid-${id}`,
    podNamespace: 'default',
    podName: id,
    hostname: id,
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    logDirectory,
    sysctls: {},
    resources: {},
    qosClass: 'BestEffort',
    labels: {},
    ...changes,
  };
}

/** A container as the node agent would ask for: default capabilities, no_new_privs. */
export function containerConfig(
  sandboxId: string,
  id: string,
  image: RootFilesystem,
  command: readonly string[],
  changes: Partial<ContainerConfig> = {},
): ContainerConfig {
  return {
    id,
    sandboxId,
    name: id,
    attempt: 0,
    image,
    command,
    env: [],
    workingDir: '',
    user: '',
    supplementalGroups: [],
    mounts: [],
    resources: {},
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      noNewPrivileges: true,
      addCapabilities: [],
      dropCapabilities: [],
    },
    stdin: false,
    stdinOnce: false,
    tty: false,
    terminationMessagePath: '',
    labels: {},
    ...changes,
  };
}
