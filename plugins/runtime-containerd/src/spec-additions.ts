import { RuntimeError, type ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { errorMessage } from '@timonel/sdk';
import { containerSeccomp, effectiveCapabilities, type SeccompRules } from '@timonel/sdk/linux';
import { taskResources } from './resources.ts';

interface SpecMount {
  readonly destination: string;
  readonly options?: readonly string[];
}

/** What we change of a container's configuration as the OCI runtime specification words it; the rest is kept as containerd made it. */
export interface OciSpec {
  readonly process?: { readonly user?: object };
  readonly mounts?: readonly SpecMount[];
  readonly linux?: {
    readonly resources?: Readonly<Record<string, object | undefined>>;
    readonly seccomp?: SeccompRules;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

export type SpecAddition = (spec: OciSpec) => OciSpec;

/** What was asked for and the CRI has no words for, or containerd other ones than ours. @throws RuntimeError */
export function specAdditions(config: ContainerConfig, cgroup: 'v1' | 'v2'): readonly SpecAddition[] {
  const { resourceLimits = [], supplementalGroups, supplementalGroupsPolicy, mounts, resources } = config;
  const additions: SpecAddition[] = [];
  if (resourceLimits.length > 0) {
    const rlimits = resourceLimits.map(({ type, soft, hard }) => ({
      type: `RLIMIT_${type.toUpperCase()}`,
      soft,
      hard,
    }));
    additions.push((spec) => ({ ...spec, process: { ...spec.process, rlimits } }));
  }
  if (supplementalGroupsPolicy === 'Strict') {
    const user = { additionalGids: supplementalGroups };
    additions.push((spec) => ({ ...spec, process: { ...spec.process, user: { ...spec.process?.user, ...user } } }));
  }
  const readOnly = mounts.filter((mount) => mount.readOnly && mount.recursiveReadOnly !== false);
  if (readOnly.length > 0) {
    const paths = new Set(readOnly.map(({ containerPath }) => containerPath));
    additions.push((spec) => ({ ...spec, mounts: spec.mounts?.map((mount) => recursive(mount, paths)) ?? [] }));
  }
  const limits = taskResources(resources, cgroup);
  if (limits !== undefined) additions.push((spec) => withLimits(spec, limits));
  const seccomp = seccompOf(config);
  if (seccomp !== undefined) additions.push((spec) => ({ ...spec, linux: { ...spec.linux, seccomp } }));
  return additions;
}

/** So that a pod is confined alike by every runtime, and profiles in Docker's format are understood. */
function seccompOf({ security }: ContainerConfig): SeccompRules | undefined {
  try {
    return containerSeccomp(security, effectiveCapabilities(security).names);
  } catch (error) {
    throw new RuntimeError('CreateContainerConfigError', errorMessage(error), { cause: error });
  }
}

function recursive(mount: SpecMount, paths: ReadonlySet<string>): SpecMount {
  if (!paths.has(mount.destination)) return mount;
  return { ...mount, options: (mount.options ?? []).map((option) => (option === 'ro' ? 'rro' : option)) };
}

/** Limits beside those that are there. */
export function withLimits(spec: OciSpec, limits: Readonly<Record<string, object>>): OciSpec {
  const before = spec.linux?.resources ?? {};
  const merged = Object.entries(limits).map(([name, value]) => [name, { ...before[name], ...value }]);
  return { ...spec, linux: { ...spec.linux, resources: { ...before, ...Object.fromEntries(merged) } } };
}
