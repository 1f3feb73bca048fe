/** The part of the OCI runtime specification's `config.json` that this plugin writes. */
import { seccompJson, type SeccompRules } from '@timonel/sdk/linux';

export interface OciSpec {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly mounts: readonly OciMount[];
  readonly linux: OciLinux;
}

export interface OciProcess {
  readonly terminal: boolean;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Readonly<Record<'bounding' | 'effective' | 'permitted', readonly string[]>>;
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type OciNamespace = 'user' | 'pid' | 'network' | 'ipc' | 'uts' | 'mount' | 'cgroup';

export interface OciLinux {
  readonly cgroupsPath: string;
  readonly namespaces: readonly { readonly type: OciNamespace; readonly path?: string }[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
  readonly devices?: readonly OciDevice[];
  readonly resources: { readonly devices: readonly OciDeviceRule[] };
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rootfsPropagation?: string;
  readonly seccomp?: SeccompRules;
}

export interface OciIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciDevice {
  readonly path: string;
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'b' | 'c';
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** Limits are set in the groups by us, and kept there when they are changed: the OCI runtime only joins them. */
export const ociVersion = '1.0.2';

export function specText(spec: OciSpec): string {
  const { linux, ...others } = spec;
  const { seccomp, ...rest } = linux;
  const text = JSON.stringify({ ...others, linux: rest });
  if (seccomp === undefined) return text;
  return `${text.slice(0, -2)},"seccomp":${seccompJson(seccomp)}}}`;
}
