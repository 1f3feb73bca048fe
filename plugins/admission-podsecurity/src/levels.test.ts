/** Which version of the standards says what of which pod. */
import { describe, expect, it } from '@jest/globals';
import { findingsOf, violation, type Level } from './levels.ts';
import type { Json } from './pod.ts';

const hardened = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  seccompProfile: { type: 'RuntimeDefault' },
  capabilities: { drop: ['ALL'] },
};

interface Fixture {
  readonly what: string;
  readonly level: Level;
  readonly spec?: Json;
  readonly container?: Json;
  readonly annotations?: Json;
  /** Versions 1.N and what they find: each holds up to the next. */
  readonly history: readonly (readonly [from: number, found: readonly string[]])[];
}

const sysctl = (name: string): Json => ({ securityContext: { sysctls: [{ name, value: '1' }] } });
const windows = { os: { name: 'windows' } };
const ownUsers = { hostUsers: false };
const apparmor = 'container.apparmor.security.beta.kubernetes.io/web';
const seccomp = 'seccomp.security.alpha.kubernetes.io/pod';

const fixtures: readonly Fixture[] = [
  {
    what: 'nothing said',
    level: 'restricted',
    history: [
      [0, ['runAsNonRoot != true']],
      [8, ['allowPrivilegeEscalation != false', 'runAsNonRoot != true']],
      [19, ['allowPrivilegeEscalation != false', 'runAsNonRoot != true', 'seccompProfile']],
      [
        22,
        ['allowPrivilegeEscalation != false', 'unrestricted capabilities', 'runAsNonRoot != true', 'seccompProfile'],
      ],
    ],
  },
  { what: 'a hardened pod', level: 'restricted', container: { securityContext: hardened }, history: [[0, []]] },
  {
    what: 'a pod of Windows',
    level: 'restricted',
    spec: { ...windows, securityContext: { runAsNonRoot: true } },
    history: [
      [0, []],
      [8, ['allowPrivilegeEscalation != false']],
      [19, ['allowPrivilegeEscalation != false', 'seccompProfile']],
      [22, ['allowPrivilegeEscalation != false', 'unrestricted capabilities', 'seccompProfile']],
      [25, []],
    ],
  },
  {
    what: 'root',
    level: 'restricted',
    container: { securityContext: { ...hardened, runAsUser: 0 } },
    history: [
      [0, []],
      [23, ['runAsUser=0']],
    ],
  },
  {
    what: 'root among users of its own',
    level: 'restricted',
    spec: ownUsers,
    container: { securityContext: { ...hardened, runAsUser: 0, runAsNonRoot: false, procMount: 'Unmasked' } },
    history: [
      [0, ['procMount', 'runAsNonRoot != true']],
      [23, ['procMount', 'runAsNonRoot != true', 'runAsUser=0']],
      [35, []],
    ],
  },
  {
    what: 'an unmasked /proc',
    level: 'baseline',
    container: { securityContext: { procMount: 'Unmasked' } },
    history: [[0, ['procMount']]],
  },
  {
    what: 'a probe of another host',
    level: 'baseline',
    container: { readinessProbe: { tcpSocket: { port: 80, host: '10.0.0.1' } } },
    history: [
      [0, []],
      [34, ['probe or lifecycle host']],
    ],
  },
  {
    what: 'added capabilities',
    level: 'baseline',
    container: { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    history: [[0, ['non-default capabilities']]],
  },
  {
    what: 'added capabilities of a hardened pod',
    level: 'restricted',
    container: { securityContext: { ...hardened, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } } },
    history: [
      [0, ['non-default capabilities']],
      [22, ['unrestricted capabilities']],
    ],
  },
  { what: 'a known sysctl', level: 'baseline', spec: sysctl('net.ipv4.tcp_syncookies'), history: [[0, []]] },
  {
    what: 'reserved ports',
    level: 'baseline',
    spec: sysctl('net.ipv4.ip_local_reserved_ports'),
    history: [
      [0, ['forbidden sysctls']],
      [27, []],
    ],
  },
  {
    what: 'keepalive times',
    level: 'baseline',
    spec: sysctl('net.ipv4.tcp_keepalive_time'),
    history: [
      [0, ['forbidden sysctls']],
      [29, []],
    ],
  },
  {
    what: 'buffers of connections',
    level: 'restricted',
    spec: sysctl('net.ipv4.tcp_rmem'),
    container: { securityContext: hardened },
    history: [
      [0, ['forbidden sysctls']],
      [32, []],
    ],
  },
  {
    what: 'engines of containers in SELinux',
    level: 'baseline',
    spec: { securityContext: { seLinuxOptions: { type: 'container_engine_t' } } },
    history: [
      [0, ['seLinuxOptions']],
      [31, []],
    ],
  },
  {
    what: 'an annotation for no seccomp',
    level: 'baseline',
    annotations: { [seccomp]: 'unconfined' },
    history: [
      [0, ['seccompProfile']],
      [19, []],
    ],
  },
  {
    what: 'no seccomp',
    level: 'baseline',
    spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    history: [
      [0, []],
      [19, ['seccompProfile']],
    ],
  },
  {
    what: 'annotations for no AppArmor',
    level: 'baseline',
    annotations: { [apparmor]: 'unconfined' },
    history: [[0, ['forbidden AppArmor profile']]],
  },
  {
    what: 'annotations for profiles',
    level: 'baseline',
    annotations: { [apparmor]: 'localhost/mine', [seccomp]: 'runtime/default' },
    history: [[0, []]],
  },
  { what: 'everything', level: 'privileged', spec: { hostNetwork: true, hostPID: true }, history: [[0, []]] },
];

describe('the pod security standards', () => {
  it.each(fixtures)('$what, by $level, in every version', ({ level, spec, container, annotations, history }) => {
    const pod = {
      metadata: annotations === undefined ? {} : { annotations },
      spec: { ...spec, containers: [{ name: 'web', image: 'web:1', ...container }] },
    };
    const found = (version: number | 'latest'): (string | undefined)[] =>
      findingsOf({ level, version }, pod).map((finding) => finding.split(' (')[0]);
    for (let version = 0; version <= 36; version += 1) {
      const expected = history.findLast(([from]) => from <= version)?.[1];
      expect([version, found(version)]).toEqual([version, expected]);
    }
    expect(found('latest')).toEqual(found(35));
  });

  it('name the annotation that is wrong', () => {
    const pod = { metadata: { annotations: { [apparmor]: 'unconfined' } }, spec: { containers: [{ name: 'web' }] } };
    expect(violation({ level: 'baseline', version: 30 }, pod)).toBe(
      `PodSecurity "baseline:v1.30": forbidden AppArmor profile (${apparmor}="unconfined")`,
    );
  });
});
