/** The standard `baseline`: no known ways to more privileges. */
import {
  changing,
  counted,
  ofContainers,
  ofHolders,
  ofUsersOfTheHost,
  quoted,
  type Check,
  type Rule,
} from './checks.ts';
import { itemsIn, jsonIn, type Json, type PodFacts } from './pod.ts';

const defaultCapabilities: ReadonlySet<string> = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);
/** By the version of the standards that first let them be. */
const safeSysctls: readonly (readonly [from: number, names: readonly string[]])[] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.ip_unprivileged_port_start',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [
    29,
    [
      'net.ipv4.tcp_keepalive_time',
      'net.ipv4.tcp_fin_timeout',
      'net.ipv4.tcp_keepalive_intvl',
      'net.ipv4.tcp_keepalive_probes',
    ],
  ],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
];
const seLinuxTypes: readonly unknown[] = [undefined, '', 'container_t', 'container_init_t', 'container_kvm_t'];

export const addedIn = (security: Json): readonly string[] => {
  const { add } = jsonIn(security['capabilities']) as { add?: unknown };
  return Array.isArray(add) ? add.filter((one) => typeof one === 'string') : [];
};

/** A finding about the capabilities that are added and not among `allowed`. */
export function addedBeyond(pod: PodFacts, allowed: ReadonlySet<string>): string | undefined {
  const wrong = pod.containers.filter(({ security }) => addedIn(security).some((one) => !allowed.has(one)));
  if (wrong.length === 0) return undefined;
  const added = new Set(wrong.flatMap(({ security }) => addedIn(security).filter((one) => !allowed.has(one))));
  const which = [...added].toSorted().map((one) => `"${one}"`);
  return `${counted(
    'container',
    wrong.map(({ name }) => name),
  )} must not include ${which.join(', ')} in securityContext.capabilities.add`;
}

const capabilities: Check = (pod) => {
  const found = addedBeyond(pod, defaultCapabilities);
  return found === undefined ? undefined : `non-default capabilities (${found})`;
};

const hostNamespaces: Check = ({ spec }) => {
  const used = ['hostNetwork', 'hostPID', 'hostIPC'].filter((name) => spec[name] === true);
  return used.length === 0 ? undefined : `host namespaces (${used.map((name) => `${name}=true`).join(', ')})`;
};

const hostPaths: Check = ({ spec }) => {
  const names = itemsIn(spec['volumes'])
    .filter((volume) => volume['hostPath'] !== undefined)
    .map(({ name }) => String(name));
  return names.length === 0 ? undefined : `hostPath volumes (${counted('volume', names)})`;
};

const portsOf = (container: Json): readonly number[] =>
  itemsIn(container['ports']).flatMap(({ hostPort }) =>
    typeof hostPort === 'number' && hostPort !== 0 ? [hostPort] : [],
  );

const hostPorts: Check = ({ containers }) => {
  const wrong = containers.filter(({ given }) => portsOf(given).length > 0);
  if (wrong.length === 0) return undefined;
  const ports = [...new Set(wrong.flatMap(({ given }) => portsOf(given)))].toSorted((a, b) => a - b);
  const [use, word] = [wrong.length === 1 ? 'uses' : 'use', ports.length === 1 ? 'hostPort' : 'hostPorts'];
  return `hostPort (${counted(
    'container',
    wrong.map(({ name }) => name),
  )} ${use} ${word} ${ports.join(', ')})`;
};

/** Whom the node's agent would be made to talk to. */
function hostsOf({ lifecycle, ...container }: Json): readonly string[] {
  const { postStart, preStop } = jsonIn(lifecycle);
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return [livenessProbe, readinessProbe, startupProbe, postStart, preStop]
    .map(jsonIn)
    .flatMap(({ httpGet, tcpSocket }) => [jsonIn(httpGet)['host'], jsonIn(tcpSocket)['host']])
    .filter((host): host is string => typeof host === 'string' && host !== '');
}

const probeHosts: Check = ({ containers }) => {
  const wrong = containers.filter(({ given }) => hostsOf(given).length > 0);
  if (wrong.length === 0) return undefined;
  const hosts = [...new Set(wrong.flatMap(({ given }) => hostsOf(given)))].toSorted();
  const [use, word] = [wrong.length === 1 ? 'uses' : 'use', hosts.length === 1 ? 'host' : 'hosts'];
  return `probe or lifecycle host (${counted(
    'container',
    wrong.map(({ name }) => name),
  )} ${use} probe or lifecycle ${word} ${quoted(hosts)})`;
};

const sysctlsBut =
  (safe: ReadonlySet<unknown>): Check =>
  ({ security }) => {
    const names = itemsIn(security['sysctls']).map(({ name }) => name);
    const wrong = names.filter((name) => !safe.has(name));
    return wrong.length === 0 ? undefined : `forbidden sysctls (${wrong.join(', ')})`;
  };

const sysctls = changing(
  ...safeSysctls.map(([from], index) => {
    const safe = safeSysctls.slice(0, index + 1).flatMap(([, names]) => names);
    return [from, sysctlsBut(new Set(safe))] as const;
  }),
);

const typeIn = (security: Json, profile: string): unknown => jsonIn(security[profile])['type'];

const seccomp: Check = ofHolders('seccompProfile', ({ security }) =>
  typeIn(security, 'seccompProfile') === 'Unconfined'
    ? 'must not set securityContext.seccompProfile.type to "Unconfined"'
    : undefined,
);

const isProfile = (value: unknown, ...defaults: readonly string[]): boolean =>
  typeof value === 'string' && (defaults.includes(value) || value.startsWith('localhost/'));

/** `key="value"` of annotations that ask for a profile that is none. */
function wrongProfiles(annotations: Json, prefixes: readonly string[], ...defaults: readonly string[]): string[] {
  return Object.entries(annotations)
    .filter(([key, value]) => prefixes.some((prefix) => key.startsWith(prefix)) && !isProfile(value, ...defaults))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted();
}

/** Before there were fields. */
const annotatedSeccomp: Check = ({ annotations }) => {
  const group = 'seccomp.security.alpha.kubernetes.io/';
  const wrong = wrongProfiles(annotations, [`${group}pod`, `container.${group}`], 'runtime/default', 'docker/default');
  if (wrong.length === 0) return undefined;
  return `seccompProfile (forbidden annotation${wrong.length === 1 ? '' : 's'} ${wrong.join(', ')})`;
};

const appArmorType = ofHolders('forbidden AppArmor profile', ({ security }) =>
  typeIn(security, 'appArmorProfile') === 'Unconfined'
    ? 'must not set AppArmor profile type to "Unconfined"'
    : undefined,
);

const appArmor: Check = (pod) => {
  const told = appArmorType(pod);
  if (told !== undefined) return told;
  const prefixes = ['container.apparmor.security.beta.kubernetes.io/'];
  const wrong = wrongProfiles(pod.annotations, prefixes, '', 'runtime/default');
  if (wrong.length === 0) return undefined;
  return `forbidden AppArmor profile${wrong.length === 1 ? '' : 's'} (${wrong.join(', ')})`;
};

const procMount = ofContainers(
  'procMount',
  ({ security }) => security['procMount'] !== undefined && security['procMount'] !== 'Default',
  'must not set securityContext.procMount to "Unmasked"',
);

const seLinuxBut = (types: ReadonlySet<unknown>): Check =>
  ofHolders('seLinuxOptions', ({ security }) => {
    const { type, user, role } = jsonIn(security['seLinuxOptions']) as Record<string, unknown>;
    if (!types.has(type)) return `set forbidden securityContext.seLinuxOptions: type ${JSON.stringify(type)}`;
    if (user !== undefined && user !== '') return 'set forbidden securityContext.seLinuxOptions: user may not be set';
    if (role !== undefined && role !== '') return 'set forbidden securityContext.seLinuxOptions: role may not be set';
    return undefined;
  });

/** In the order in which Kubernetes tells of them, but for what `restricted` has a stricter form of: from which version on. */
export const baselineUntil = (stricter: {
  readonly capabilities?: number;
  readonly seccomp?: number;
}): readonly Rule[] => [
  { check: appArmor },
  { check: capabilities, until: stricter.capabilities ?? Number.POSITIVE_INFINITY },
  { check: hostNamespaces },
  { check: hostPaths },
  { check: hostPorts },
  { check: probeHosts, from: 34 },
  {
    check: ofContainers(
      'privileged',
      ({ security }) => security['privileged'] === true,
      'must not set securityContext.privileged=true',
    ),
  },
  ...changing([0, procMount], [35, ofUsersOfTheHost(procMount)]),
  ...changing(
    [0, seLinuxBut(new Set(seLinuxTypes))],
    [31, seLinuxBut(new Set([...seLinuxTypes, 'container_engine_t']))],
  ),
  { check: annotatedSeccomp, until: 19 },
  { check: seccomp, from: 19, until: stricter.seccomp ?? Number.POSITIVE_INFINITY },
  ...sysctls,
  {
    check: ofHolders('hostProcess', ({ security }) =>
      jsonIn(security['windowsOptions'])['hostProcess'] === true
        ? 'must not set securityContext.windowsOptions.hostProcess=true'
        : undefined,
    ),
  },
];

export const baseline: readonly Rule[] = baselineUntil({});
