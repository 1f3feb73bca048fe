import { allowedCalls } from './allowed-calls.ts';
import { capabilityCalls } from './capability-calls.ts';
import type { SeccompRules, SyscallRule } from './rules.ts';

const eperm = 1;
const enosys = 38;
const afVsock = 40;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const newNamespaces = 0x7e_02_00_00;
/** Linux, Linux for 32 bits, each with and without the oldest uname; and the question which one is set. */
const personalities = [0x0, 0x00_08, 0x2_00_00, 0x2_00_08, 0xff_ff_ff_ff];

/** Whose programs a node runs beside its own. */
const architecturesOf: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/**
 * `RuntimeDefault`: the profile that OCI engines use by convention, for a container with these capabilities (without `CAP_`).
 * `architecture` is Node's name of the node's.
 */
export function runtimeDefaultProfile(
  capabilities: readonly string[],
  architecture: string = process.arch,
): SeccompRules {
  const byCapability = capabilities.flatMap((name) => capabilityCalls[name] ?? []);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: eperm,
    architectures: architecturesOf[architecture] ?? [],
    syscalls: [
      { names: allowedCalls, action: 'SCMP_ACT_ALLOW' },
      ...(byCapability.length === 0 ? [] : [{ names: [...new Set(byCapability)], action: 'SCMP_ACT_ALLOW' } as const]),
      ...personalities.map((value): SyscallRule => ({
        names: ['personality'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
      })),
      // Sockets of virtual machines reach the host past every network namespace.
      { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: afVsock, op: 'SCMP_CMP_NE' }] },
      ...(capabilities.includes('SYS_ADMIN') ? [] : withoutNewNamespaces),
    ],
  };
}

/** A filter cannot see the flags of clone3, which lie in memory: with ENOSYS the C libraries fall back to clone. */
const withoutNewNamespaces: readonly SyscallRule[] = [
  {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
];
