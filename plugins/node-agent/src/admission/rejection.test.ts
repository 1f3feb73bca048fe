import { describe, expect, it } from '@jest/globals';
import type { PodSpec } from '@timonel/sdk/kube';
import { configSchema } from '../config.ts';
import { container, podWith } from '../plan/testing.ts';
import { rejectionOf } from './rejection.ts';

const node = { allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'], hasAppArmor: false };
const withSysctl = (name: string, spec: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  securityContext: { sysctls: [{ name, value: '1' }] },
  ...spec,
});

describe('pods that the node refuses', () => {
  it.each<[string, Partial<PodSpec>, string, string]>([
    ['sysctl', withSysctl('kernel.shmmax'), 'SysctlForbidden', 'forbidden sysctl: "kernel.shmmax" not allowlisted'],
    ['way out', withSysctl('net/../kernel/x'), 'SysctlForbidden', '"net/../kernel/x" not allowlisted'],
    ['host ipc', withSysctl('kernel.msgmax', { hostIPC: true }), 'SysctlForbidden', 'with host ipc enabled'],
    [
      'host net',
      withSysctl('net.ipv4.tcp_syncookies', { hostNetwork: true }),
      'SysctlForbidden',
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    [
      'AppArmor',
      { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'p' } } },
      'AppArmor',
      'Cannot enforce AppArmor: AppArmor is not enabled on the host',
    ],
    ['another OS', { os: { name: 'windows' } }, 'PodOSNotSupported', "doesn't match node OS"],
    [
      'hostProcess',
      { containers: [container('a', { securityContext: { windowsOptions: { hostProcess: true } } })] },
      'PodOSNotSupported',
      'hostProcess containers are of Windows',
    ],
  ])('%s', (_what, spec, reason, message) => {
    expect(rejectionOf(podWith(spec), node)).toEqual({ reason, message: expect.stringContaining(message) });
  });

  it.each<[string, Partial<PodSpec>]>([
    ['safe sysctls', withSysctl('net.ipv4.ip_unprivileged_port_start')],
    ['in slashes', withSysctl('net/ipv4/tcp_rmem')],
    ['allowed by a pattern', withSysctl('kernel.msgmax')],
    ['allowed by name', withSysctl('net/core/somaxconn')],
    [
      'AppArmor that a container takes back',
      {
        securityContext: { appArmorProfile: { type: 'RuntimeDefault' } },
        containers: [container('a', { securityContext: { appArmorProfile: { type: 'Unconfined' } } })],
      },
    ],
    ['linux', { os: { name: 'linux' } }],
  ])('are not those with %s', (_what, spec) => expect(rejectionOf(podWith(spec), node)).toBeUndefined());

  it('labelled for another OS', () => {
    const labelled = (os: string) => rejectionOf(podWith({}, { labels: { 'kubernetes.io/os': os } }), node);
    expect(labelled('windows')?.reason).toBe('PodOSSelectorNodeLabelDoesNotMatch');
    expect(labelled('linux')).toBeUndefined();
  });

  it('cannot be allowed what touches the whole node', () => {
    const { success, error } = configSchema.safeParse({ allowedUnsafeSysctls: ['kernel.panic'] });
    expect(success).toBe(false);
    expect(error?.message).toContain('must be of a namespace of the pod');
    expect(configSchema.safeParse({ allowedUnsafeSysctls: ['kernel.msg*', 'net.*', 'kernel.sem'] }).success).toBe(true);
  });
});
