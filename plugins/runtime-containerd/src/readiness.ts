import type { RuntimeInfo } from '@timonel/sdk/contracts/runtime';
import type { CniDirectories } from './cni.ts';
import type { CriStatus } from './cri/types.ts';

/** What containerd says in the `config` of its verbose status; only what matters here. */
export interface CriConfig {
  readonly sandboxImage?: string;
  readonly disableCgroup?: boolean;
  readonly cni?: { readonly binDir?: string; readonly confDir?: string };
  readonly containerd?: {
    readonly defaultRuntimeName?: string;
    readonly runtimes?: Readonly<Record<string, { readonly options?: Readonly<Record<string, unknown>> | null }>>;
  };
}

export function criConfigOf(status: CriStatus): CriConfig {
  try {
    return JSON.parse(status.info['config'] ?? '{}') as CriConfig;
  } catch {
    return {};
  }
}

const section = 'plugins."io.containerd.grpc.v1.cri"';

function fix(table: string, line: string): string {
  return `put ${line} below [${table}] in containerd's config.toml and restart containerd`;
}

/** What an operator has still to do before this containerd runs our pods. Empty: nothing. */
export function missingLines(config: CriConfig, directories: CniDirectories, runtimeHandler: string): string[] {
  const missing: string[] = [];
  const { cni, containerd } = config;
  if (cni?.binDir !== directories.bin) missing.push(fix(`${section}.cni`, `bin_dir = "${directories.bin}"`));
  if (cni?.confDir !== directories.conf) missing.push(fix(`${section}.cni`, `conf_dir = "${directories.conf}"`));
  const name = runtimeHandler === '' ? (containerd?.defaultRuntimeName ?? 'runc') : runtimeHandler;
  const runtime = containerd?.runtimes?.[name];
  const table = `${section}.containerd.runtimes.${name}`;
  if (runtime === undefined) {
    missing.push(fix(table, 'runtime_type = "io.containerd.runc.v2"'));
  } else if (runtime.options?.['SystemdCgroup'] === true) {
    missing.push(fix(`${table}.options`, 'SystemdCgroup = false'));
  }
  return missing;
}

/** Why containerd itself is not ready. Empty: it is. */
export function conditionsNotReady({ status }: CriStatus): string[] {
  const failed = (status?.conditions ?? []).filter((condition) => !condition.status);
  return failed.map(({ type, message }) => `containerd says that ${type} does not hold: ${message}`);
}

export function runtimeInfo(version: string, cgroup: string, problems: readonly string[]): RuntimeInfo {
  return {
    name: 'containerd',
    version,
    isolation: `linux namespaces by containerd, cgroup ${cgroup}`,
    ready: problems.length === 0,
    reason: problems.join('; '),
    userNamespaces: false,
    recursiveReadOnlyMounts: true,
    supplementalGroupsPolicy: true,
    mountsOpenFiles: true,
  };
}
