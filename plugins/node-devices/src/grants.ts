/** What plugins answer to an allocation, as containers get it. Pure. */
import type { DeviceGrant } from '@timonel/sdk/contracts/devices';
import type { AllocateAnswer } from './messages.ts';

const entriesLimit = 1000;

/** @throws Error when it cannot be given as the plugin wants it */
export function grantOf(resource: string, answer: AllocateAnswer | undefined): DeviceGrant {
  if (answer === undefined) throw new Error(`the plugin of ${resource} answered without a container`);
  const { envs, mounts, devices, cdiDevices } = answer;
  if (cdiDevices.length > 0) {
    const names = cdiDevices.map(({ name }) => name).join(', ');
    throw new Error(
      `the plugin of ${resource} asks for CDI devices (${names}), which this node does not know: let it pass device nodes`,
    );
  }
  if (Object.keys(envs).length + mounts.length + devices.length > entriesLimit)
    throw new Error(`the plugin of ${resource} answered with more than ${entriesLimit} entries`);
  for (const { hostPath, containerPath } of [...mounts, ...devices]) {
    if (!hostPath.startsWith('/') || !containerPath.startsWith('/'))
      throw new Error(`the plugin of ${resource} names a path that is not absolute: "${hostPath}", "${containerPath}"`);
  }
  for (const { permissions } of devices) {
    if (!/^[rwm]{1,3}$/.test(permissions))
      throw new Error(
        `the plugin of ${resource} names permissions of a device that are not of "rwm": "${permissions}"`,
      );
  }
  return { env: envs, mounts, devices };
}

/** Of several resources. The first one has its way where two say the same. */
export function mergedGrant(grants: readonly DeviceGrant[]): DeviceGrant {
  const byPath = <T extends { readonly containerPath: string }>(all: readonly T[]): T[] =>
    [...new Map(all.toReversed().map((each) => [each.containerPath, each])).values()].toReversed();
  return {
    env: Object.assign({}, ...grants.map(({ env }) => env).toReversed()) as Record<string, string>,
    mounts: byPath(grants.flatMap(({ mounts }) => mounts)),
    devices: byPath(grants.flatMap(({ devices }) => devices)),
  };
}
