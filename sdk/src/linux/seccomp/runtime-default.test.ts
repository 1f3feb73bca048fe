import { describe, expect, it } from '@jest/globals';
import { capabilityBits, capabilityNames, defaultCapabilities, effectiveCapabilities } from '../capabilities.ts';
import { runtimeDefaultProfile } from './runtime-default.ts';

const named = (capabilities: readonly string[]): readonly string[] =>
  (runtimeDefaultProfile(capabilities, 'x64').syscalls ?? [])
    .filter(({ action }) => action === 'SCMP_ACT_ALLOW')
    .flatMap(({ names }) => names);

describe('the default profile of system calls', () => {
  it('allows nothing that reaches beyond the container', () => {
    const refused =
      'mount umount2 setns unshare pivot_root init_module finit_module delete_module kexec_load kexec_file_load reboot bpf perf_event_open keyctl add_key request_key io_uring_setup io_uring_enter userfaultfd open_by_handle_at iopl ioperm swapon swapoff settimeofday clock_settime acct syslog nfsservctl clone3'.split(
        ' ',
      );
    const allowed = new Set(named(defaultCapabilities));
    expect(refused.filter((name) => allowed.has(name))).toEqual([]);
  });

  it('allows with a capability what it is for, each call once', () => {
    expect(named(['SYS_ADMIN'])).toEqual(expect.arrayContaining(['mount', 'setns', 'clone', 'clone3']));
    expect(named(['SYS_TIME'])).toContain('clock_settime');
    expect(named(['NET_ADMIN'])).not.toContain('clock_settime');
    const all = named(capabilityNames).filter((name) => name !== 'personality');
    expect(all).toHaveLength(new Set(all).size);
  });

  it('refuses new namespaces without SYS_ADMIN, and has clone3 not there', () => {
    const rules = runtimeDefaultProfile(defaultCapabilities, 'x64').syscalls ?? [];
    expect(rules.find(({ names }) => names.includes('clone'))?.args).toEqual([
      { index: 0, value: 0x7e_02_00_00, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' },
    ]);
    expect(rules.find(({ names }) => names.includes('clone3'))).toMatchObject({
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 38,
    });
  });
});

describe('the capabilities of a container', () => {
  const settings = { privileged: false, addCapabilities: [], dropCapabilities: [] };
  const names = (changes: Partial<Parameters<typeof effectiveCapabilities>[0]>): readonly string[] =>
    effectiveCapabilities({ ...settings, ...changes }).names;

  it('are the default ones, with what is added and without what is dropped', () => {
    expect([...names({})].sort()).toEqual([...defaultCapabilities].sort());
    expect(names({ addCapabilities: ['cap_net_admin'], dropCapabilities: ['ALL'] })).toEqual(['NET_ADMIN']);
    expect(names({ addCapabilities: ['ALL'], dropCapabilities: ['SYS_TIME'] })).toHaveLength(
      capabilityNames.length - 1,
    );
    expect(names({ privileged: true, dropCapabilities: ['ALL'] })).toEqual(capabilityNames);
  });

  it('name what no capability is called, and become bits', () => {
    expect(effectiveCapabilities({ ...settings, addCapabilities: ['FLY', 'ALL'] }).unknown).toEqual(['FLY']);
    expect(capabilityBits(['CHOWN', 'CAP_KILL', 'SYS_ADMIN'])).toBe((1n << 0n) | (1n << 5n) | (1n << 21n));
  });
});
