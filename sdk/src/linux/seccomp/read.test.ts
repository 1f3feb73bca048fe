import { describe, expect, it } from '@jest/globals';
import { longestSeccompProfile, readSeccompProfile } from './read.ts';

const reader = { capabilities: ['CHOWN', 'SYS_ADMIN'], architecture: 'x64', kernel: '6.1.0-13-amd64' };
const read = (profile: unknown): ReturnType<typeof readSeccompProfile> =>
  readSeccompProfile(typeof profile === 'string' ? profile : JSON.stringify(profile), reader);

describe('a profile of system calls in a file', () => {
  it('is read in the format of the OCI specification, with numbers of 64 bits as they are', () => {
    const rules = read(
      '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],"flags":["SECCOMP_FILTER_FLAG_LOG"],"syscalls":[{"names":["read","18446744073709551615\\"1"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":18446744073709551615,"valueTwo":7,"op":"SCMP_CMP_MASKED_EQ"}]}]}',
    );
    expect(rules).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        {
          names: ['read', '18446744073709551615"1'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 1, value: 18446744073709551615n, valueTwo: 7, op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ],
    });
  });

  it('is read in the format of Docker: with what holds for this container and node only', () => {
    const rule = (name: string, more: object): object => ({ names: [name], action: 'SCMP_ACT_ALLOW', ...more });
    const rules = read({
      defaultAction: 'SCMP_ACT_ERRNO',
      archMap: [
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
        { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
      ],
      syscalls: [
        rule('a', { includes: { caps: ['CAP_SYS_ADMIN'] }, args: null }),
        rule('b', { includes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } }),
        rule('c', { excludes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } }),
        rule('d', { includes: { minKernel: '4.8' }, excludes: {} }),
        rule('e', { includes: { minKernel: '6.2' } }),
        rule('f', { includes: { arches: ['amd64', 'x32'] } }),
        rule('g', { includes: { arches: ['arm64'] } }),
        { name: 'h', action: 'SCMP_ACT_LOG', comment: 'the old way' },
      ],
    });
    expect(rules.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(rules.syscalls?.flatMap(({ names }) => names)).toEqual(['a', 'd', 'f', 'h']);
  });

  it.each<[string, unknown]>([
    ['is not JSON', 'SCMP_ACT_ALLOW'],
    ['is not JSON', '{"defaultAction": "SCMP_ACT_ALLOW",'],
    ['the profile', '[]'],
    ['defaultAction', {}],
    ['defaultAction', { defaultAction: 'ALLOW' }],
    [
      'syscalls.0.args.0.index',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['x'], action: 'SCMP_ACT_LOG', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }],
      },
    ],
    [
      'syscalls.0.args.0.value',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["x"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ"}]}]}',
    ],
    ['longer than', ' '.repeat(longestSeccompProfile + 1)],
  ])('is refused with what is wrong: %s', (message, profile) => {
    expect(() => read(profile)).toThrow(message);
  });
});
