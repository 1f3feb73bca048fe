import { describe, expect, it } from '@jest/globals';
import {
  defaultCapabilities,
  runtimeDefaultProfile,
  seccompOperators,
  type SeccompAction,
  type SeccompRules,
  type SyscallRule,
} from '@timonel/sdk/linux';
import fc from 'fast-check';
import { readRules, runProgram } from '../testing/bpf.ts';
import { callTables } from './call-tables.ts';
import { compileSeccomp } from './compile.ts';

const [allow, eperm, enosys] = [0x7f_ff_00_00, 0x5_00_01, 0x5_00_26];
const killProcess = 0x80_00_00_00;
const tables = { x64: callTables('x64', ['SCMP_ARCH_X86']) ?? [], arm64: callTables('arm64', []) ?? [] };
const [x86_64, i386] = tables.x64;
if (x86_64 === undefined || i386 === undefined) throw new Error('no tables');

/** Near the edges of words, where comparisons by words go wrong. */
const word = fc.oneof(
  fc.constantFrom(0n, 1n, 0xff_ff_ff_ffn, 1n << 32n, (1n << 32n) + 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 300n }),
);
const actions: SeccompAction[] = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_LOG',
];
const names = [...x86_64.numbers.keys()];
const rule: fc.Arbitrary<SyscallRule> = fc.record(
  {
    names: fc.array(fc.oneof(fc.constantFrom(...names), fc.constant('no_such_call')), { minLength: 1, maxLength: 60 }),
    action: fc.constantFrom(...actions),
    errnoRet: fc.integer({ min: 1, max: 4095 }),
    args: fc.array(
      fc.record({
        index: fc.integer({ min: 0, max: 5 }),
        value: word,
        valueTwo: word,
        op: fc.constantFrom(...seccompOperators),
      }),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: ['names', 'action'] },
);
const profile: fc.Arbitrary<SeccompRules> = fc.record({
  defaultAction: fc.constantFrom(...actions),
  architectures: fc.constant(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']),
  syscalls: fc.array(rule, { maxLength: 12 }),
});

function newest(rules: SeccompRules, numbers: ReadonlyMap<string, number>): number {
  const result = ({ action, errnoRet }: SyscallRule): string =>
    `${action} ${action === 'SCMP_ACT_ERRNO' ? (errnoRet ?? 1) : ''}`;
  const fallback = `${rules.defaultAction} ${rules.defaultAction === 'SCMP_ACT_ERRNO' ? (rules.defaultErrnoRet ?? 1) : ''}`;
  const same = (each: SyscallRule): boolean =>
    result(each).replace('KILL_THREAD', 'KILL') === fallback.replace('KILL_THREAD', 'KILL');
  const named = (rules.syscalls ?? []).filter((each) => !same(each)).flatMap((each) => each.names);
  return Math.max(-1, ...named.map((name) => numbers.get(name) ?? -1));
}

/** All numbers of all tables, with these arguments. */
function disagreements(rules: SeccompRules, architecture: 'x64' | 'arm64', args: readonly bigint[]): string[] {
  const { program } = compileSeccomp(rules, architecture);
  return tables[architecture].flatMap(({ audit, numbers }) => {
    const byNumber = new Map([...numbers].map(([name, number]) => [number, name]));
    const last = newest(rules, numbers);
    return Array.from({ length: 480 }, (_, number) => number).flatMap((number) => {
      const got = runProgram(program, { audit, number, args });
      const wanted = readRules(rules, byNumber.get(number), number, last, args);
      return got === wanted
        ? []
        : [`${byNumber.get(number)} (${number}): ${got.toString(16)}, not ${wanted.toString(16)}`];
    });
  });
}

describe('the filter of system calls', () => {
  it('does what the profile says, for any profile, call and arguments', () => {
    fc.assert(
      fc.property(profile, fc.array(word, { minLength: 6, maxLength: 6 }), (rules, args) => {
        // arguments that stand in a rule too: those are the ones that decide
        const near = (rules.syscalls ?? []).flatMap(({ args: conditions = [] }) =>
          conditions.map(({ value }) => BigInt(value)),
        );
        const chosen = args.map((each, index) =>
          index % 2 === 0 ? (near[index % Math.max(1, near.length)] ?? each) : each,
        );
        expect(disagreements(rules, 'x64', chosen)).toEqual([]);
        expect(disagreements(rules, 'arm64', args)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('is short for the default profile, and right on both architectures', () => {
    for (const architecture of ['x64', 'arm64'] as const) {
      const rules = runtimeDefaultProfile(defaultCapabilities, architecture);
      expect(compileSeccomp(rules, architecture).program.length / 8).toBeLessThan(300);
      for (const first of [0n, 1n, 40n, 0x2_00_00n, 0x1_00_00_00_00n, 0x10_00_00_11n, 0xff_ff_ff_ffn])
        expect(disagreements(rules, architecture, [first, 0n, 0n, 0n, 0n, 0n])).toEqual([]);
    }
  });

  it('ends programs of architectures that the profile does not name, and has no x32', () => {
    const both = compileSeccomp(runtimeDefaultProfile(defaultCapabilities, 'x64'), 'x64').program;
    const one = compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW' }, 'x64').program;
    const args = [0n, 0n, 0n, 0n, 0n, 0n];
    const getpid = { audit: i386.audit, number: 20, args };
    expect([runProgram(both, getpid), runProgram(one, getpid)]).toEqual([allow, killProcess]);
    expect(runProgram(both, { ...getpid, audit: 0xc0_00_00_b7 })).toBe(killProcess);
    for (const number of [0x40_00_00_00, 0x40_00_00_27, 0xff_ff_ff_ff])
      expect(runProgram(one, { audit: x86_64.audit, number, args })).toBe(enosys);
  });

  it('reaches targets however far they are', () => {
    const syscalls = names.map((name, index): SyscallRule => ({
      names: [name],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: index % 6, value: BigInt(index) << 30n, op: 'SCMP_CMP_GE' }],
    }));
    const rules: SeccompRules = { defaultAction: 'SCMP_ACT_ERRNO', syscalls };
    expect(compileSeccomp(rules, 'x64').program.length / 8).toBeGreaterThan(1500);
    for (const args of [Array<bigint>(6).fill(0n), Array<bigint>(6).fill(200n << 30n)])
      expect(disagreements({ ...rules, architectures: ['SCMP_ARCH_X86'] }, 'arm64', args)).toEqual([]);
    const { program } = compileSeccomp(rules, 'x64');
    const args = Array<bigint>(6).fill(200n << 30n);
    for (const [index, name] of names.entries()) {
      const number = x86_64.numbers.get(name) ?? -1;
      expect(runProgram(program, { audit: x86_64.audit, number, args })).toBe(index <= 200 ? allow : eperm);
    }
  });

  it.each<[string, Partial<SeccompRules>]>([
    ['SCMP_ACT_TRACE', { defaultAction: 'SCMP_ACT_TRACE' }],
    ['SCMP_ACT_NOTIFY', { syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] }],
    ['4096', { syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: 4096 }] }],
    ['SECCOMP_FILTER_FLAG_NEW_LISTENER', { flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] }],
    ['listenerPath', { listenerPath: '/run/agent.sock' }],
  ])('refuses %s, which cannot be', (named, rules) => {
    expect(() => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', ...rules }, 'x64')).toThrow(named);
  });

  it('refuses what is longer than the kernel takes, and architectures it does not know', () => {
    const args = Array.from({ length: 6 }, (_, index) => ({ index, value: 1n << 40n, op: 'SCMP_CMP_GT' as const }));
    const syscalls = names.slice(0, 300).map((name, index) => ({
      names: [name],
      action: 'SCMP_ACT_ERRNO' as const,
      errnoRet: index + 1,
      args,
    }));
    expect(() => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, 'x64')).toThrow('more conditions');
    expect(() => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW' }, 's390x')).toThrow('s390x');
  });
});
