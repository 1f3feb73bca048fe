import { RuntimeError, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { maskedPaths, readonlyPaths, runtimeDefaultProfile } from '@timonel/sdk/linux';
import type { RuntimeOciConfig } from '../config.ts';
import { idMappings } from './user-namespace.ts';
import { ociVersion, type OciLinux, type OciSpec } from './spec.ts';

/** Settings of the kernel that each network or ipc namespace has for itself. */
const ofNetwork = /^net[./]/;
const ofIpc = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/;

/** The first container of a sandbox: it holds the namespaces, and does nothing. @throws RuntimeError */
export function pauseSpec(config: SandboxConfig, settings: RuntimeOciConfig, root: string, cgroup: string): OciSpec {
  const none: readonly string[] = [];
  return {
    ociVersion,
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args: ['/pause', 'pause'],
      env: [],
      cwd: '/',
      capabilities: { bounding: none, effective: none, permitted: none },
      rlimits: [],
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    hostname: config.hostname,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'mode=755', 'size=64k'] },
    ],
    linux: {
      cgroupsPath: `/${cgroup}`,
      namespaces: namespaces(config),
      ...idMappings(config),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      sysctl: sysctls(config, settings),
      maskedPaths,
      readonlyPaths,
      seccomp: runtimeDefaultProfile([]),
    },
  };
}

function namespaces(config: SandboxConfig): OciLinux['namespaces'] {
  const all: OciLinux['namespaces'][number][] = [{ type: 'mount' }, { type: 'uts' }];
  if (config.userNamespace !== undefined) all.push({ type: 'user' });
  if (!config.hostNetwork) all.push({ type: 'network' });
  if (!config.hostIpc) all.push({ type: 'ipc' });
  if (!config.hostPid) all.push({ type: 'pid' });
  return all;
}

function sysctls(config: SandboxConfig, settings: RuntimeOciConfig): Readonly<Record<string, string>> {
  for (const name of Object.keys(config.sysctls)) {
    const own = (ofNetwork.test(name) && !config.hostNetwork) || (ofIpc.test(name) && !config.hostIpc);
    if (own && !name.split(/[./]/).includes('')) continue;
    const why = 'is not a setting of an own namespace of this pod: it would be that of the node';
    throw new RuntimeError('FailedCreatePodSandBox', `sysctl "${name}" ${why}`);
  }
  const ports = !config.hostNetwork && settings.unprivilegedPorts;
  return { ...(ports ? { 'net.ipv4.ip_unprivileged_port_start': '0' } : {}), ...config.sysctls };
}
