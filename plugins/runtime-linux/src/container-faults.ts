import { errorMessage } from '@timonel/sdk';
import { RuntimeError, type ContainerConfig } from '@timonel/sdk/contracts/runtime';
import type { MonitorFailure } from './monitor-binary.ts';

/** @throws RuntimeError when a path or the name cannot be */
export function checkContainer(config: ContainerConfig): void {
  const targets = [...config.mounts, ...(config.devices ?? [])].map(({ containerPath }) => containerPath);
  const paths = [...targets, config.terminationMessagePath].filter(Boolean);
  const wrong = paths.find((path) => !path.startsWith('/') || path.split('/').includes('..'));
  const inProc = targets.find((path) => path.split('/').find((name) => name !== '' && name !== '.') === 'proc');
  const isRoot = config.mounts.some(({ containerPath }) => /^[/.]*$/.test(containerPath));
  const fault =
    wrong !== undefined
      ? `the mount path "${wrong}" is not absolute or contains ".."`
      : isRoot
        ? 'nothing can be mounted over the root directory of a container'
        : inProc !== undefined
          ? `nothing can be mounted at "${inProc}": /proc is the kernel's`
          : /[/\0]|^\.*$/.test(config.name)
            ? `"${config.name}" is not a container name`
            : undefined;
  if (fault !== undefined) throw new RuntimeError('CreateContainerConfigError', fault);
}

/** What the pod's status is to say. */
export function asCreateError(error: unknown): unknown {
  if (typeof error === 'object' && error !== null && 'reason' in error) return error;
  const exitCode =
    error !== null && typeof error === 'object' && 'exitCode' in error ? (error as MonitorFailure).exitCode : 128;
  return new RuntimeError('CreateContainerError', errorMessage(error), { exitCode, cause: error });
}
