import { RuntimeError, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { RuntimeLinuxConfig } from './config.ts';
import { idEntries } from './container-spec.ts';
import type { SpecEntry } from './spec-file.ts';

const largestId = 0xff_ff_ff_fe;

/** Everything timonel-monitor must know to make a sandbox. @throws RuntimeError when it asks for what cannot be */
export function sandboxSpec(config: SandboxConfig, settings: RuntimeLinuxConfig): SpecEntry[] {
  const fault =
    userNamespaceFault(config) ??
    Object.keys(config.sysctls)
      .map((name) => sysctlFault(name, config))
      .find(Boolean);
  if (fault !== undefined) throw new RuntimeError('FailedCreatePodSandBox', fault);
  const sysctls = Object.entries(config.sysctls).map(([name, value]) => `${name}=${value}`);
  if (!config.hostNetwork && settings.unprivilegedPorts) sysctls.unshift('net.ipv4.ip_unprivileged_port_start=0');
  return [
    ...idEntries(config),
    ['hostname', config.hostname],
    ['new.net', config.hostNetwork ? '0' : '1'],
    ['new.ipc', config.hostIpc ? '0' : '1'],
    ['new.pid', config.shareProcessNamespace && !config.hostPid ? '1' : '0'],
    ['rootByChroot', settings.rootSwitch === 'chroot' ? '1' : '0'],
    ...sysctls.map((setting): SpecEntry => ['sysctl', setting]),
  ];
}

function userNamespaceFault({ userNamespace, hostNetwork, hostPid, hostIpc }: SandboxConfig): string | undefined {
  if (userNamespace === undefined) return undefined;
  if (hostNetwork || hostPid || hostIpc) {
    return 'a user namespace (hostUsers: false) does not go with hostNetwork, hostPID or hostIPC';
  }
  const { firstUid, firstGid, length } = userNamespace;
  const isRange = (first: number): boolean =>
    Number.isInteger(first) && first > 0 && Number.isInteger(length) && length > 0 && first + length - 1 <= largestId;
  if (isRange(firstUid) && isRange(firstGid)) return undefined;
  return `the ids of the user namespace cannot be ${length} from uid ${firstUid} and gid ${firstGid} on: whole numbers from 1 to ${largestId}`;
}

/** Only what belongs to a namespace of the pod: the others are the whole node's. */
function sysctlFault(name: string, { hostNetwork, hostIpc }: SandboxConfig): string | undefined {
  const plain = name.replaceAll('/', '.');
  const ofNetwork = plain.startsWith('net.');
  const ofIpc = plain === 'kernel.sem' || /^(kernel\.(shm|msg)|fs\.mqueue\.)/.test(plain);
  if (!ofNetwork && !ofIpc) {
    return `sysctl ${name} is the whole node's: a pod may set kernel.sem, kernel.shm*, kernel.msg*, fs.mqueue.* and net.*`;
  }
  const shared = ofNetwork && hostNetwork ? 'hostNetwork' : ofIpc && hostIpc ? 'hostIPC' : undefined;
  return shared === undefined ? undefined : `sysctl ${name} would change the whole node's with ${shared}`;
}
