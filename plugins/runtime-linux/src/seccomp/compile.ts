import type { ArgumentCondition, SeccompAction, SeccompRules, SyscallRule } from '@timonel/sdk/linux';
import { callTables, type CallTable } from './call-tables.ts';
import { writeCondition } from './conditions.ts';
import { encodeProgram, ProgramWriter, type Target } from './program.ts';

const offsetOfNumber = 0;
const offsetOfArchitecture = 4;
const eperm = 1;
const enosys = 38;
/** MAX_ERRNO of the kernel. */
const largestErrno = 4095;

const results = { allow: 0x7f_ff_00_00, log: 0x7f_fc_00_00, errno: 0x5_00_00, trap: 0x3_00_00, killThread: 0 };
const killProcess = 0x80_00_00_00;

/** What a filter is made of: the program, and the flags of seccomp(2). */
export interface SeccompFilter {
  readonly program: Buffer;
  readonly flags: number;
}

/** Of one call: the first branch whose conditions hold gives the result. */
interface Branch {
  readonly conditions: readonly ArgumentCondition[];
  readonly result: number;
}

/**
 * Compiles a profile for a node of this architecture. As OCI runtimes do, names that no call has are passed by, rules with the default
 * action too, and calls newer than the newest that the profile names fail with ENOSYS, unless unnamed ones are allowed: programs then
 * fall back to older ones. @throws Error saying what cannot be
 */
export function compileSeccomp(rules: SeccompRules, architecture: string = process.arch): SeccompFilter {
  const tables = callTables(architecture, rules.architectures ?? []);
  if (tables === undefined) {
    throw new Error(`filters of system calls are not made for ${architecture}: use the profile Unconfined`);
  }
  if (rules.listenerPath !== undefined) throw new Error('listenerPath is not supported: nobody would be asked');
  const flags = filterFlags(rules.flags ?? []);
  const writer = new ProgramWriter();
  let start: Target = { result: killProcess };
  for (const table of [...tables].reverse()) {
    start = writer.test('equal', table.audit, writeTable(writer, rules, table), start);
  }
  const program = writer.finish(writer.load(offsetOfArchitecture, start));
  if (program === undefined) throw new Error('the profile has more conditions than fit into a filter of the kernel');
  return { program: encodeProgram(program), flags };
}

function filterFlags(names: readonly string[]): number {
  const known: Readonly<Record<string, number>> = {
    SECCOMP_FILTER_FLAG_TSYNC: 0, // there is one thread yet
    SECCOMP_FILTER_FLAG_LOG: 2,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  };
  return names.reduce((flags, name) => {
    const flag = known[name];
    if (flag === undefined) throw new Error(`the flag ${name} is not supported`);
    return flags | flag;
  }, 0);
}

function resultOf(action: SeccompAction, errno: number | undefined): number {
  if (action === 'SCMP_ACT_ALLOW') return results.allow;
  if (action === 'SCMP_ACT_LOG') return results.log;
  if (action === 'SCMP_ACT_TRAP') return results.trap;
  if (action === 'SCMP_ACT_KILL_PROCESS') return killProcess;
  if (action === 'SCMP_ACT_KILL' || action === 'SCMP_ACT_KILL_THREAD') return results.killThread;
  if (action === 'SCMP_ACT_TRACE')
    throw new Error('the action SCMP_ACT_TRACE is not supported: nothing traces containers');
  if (action === 'SCMP_ACT_NOTIFY')
    throw new Error('the action SCMP_ACT_NOTIFY is not supported: nobody would be asked');
  const number = errno ?? eperm;
  if (number > largestErrno) throw new Error(`the error number ${number} is larger than ${largestErrno}`);
  return results.errno | number;
}

function writeTable(writer: ProgramWriter, rules: SeccompRules, table: CallTable): Target {
  const fallback = resultOf(rules.defaultAction, rules.defaultErrnoRet);
  const branches = branchesByNumber(rules, table, fallback);
  const newest = Math.max(-1, ...branches.keys());
  const isOpen = fallback === results.allow || fallback === results.log;
  const unknown = isOpen ? fallback : results.errno | enosys;
  const ranges: Range[] = [];
  const shared = new Map<string, Target>();
  for (let number = 0; number <= newest; number++) {
    const call = branches.get(number) ?? [];
    const key = JSON.stringify(call, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const known = shared.get(key) ?? writeBranches(writer, call, fallback);
    shared.set(key, known);
    if (ranges.at(-1)?.target !== known) ranges.push({ from: number, target: known });
  }
  ranges.push({ from: newest + 1, target: { result: unknown } });
  if (table.foreignFrom !== undefined)
    ranges.push({ from: table.foreignFrom, target: { result: results.errno | enosys } });
  return writer.load(offsetOfNumber, writeSearch(writer, ranges));
}

function branchesByNumber(
  rules: SeccompRules,
  { numbers }: CallTable,
  fallback: number,
): ReadonlyMap<number, readonly Branch[]> {
  const all = new Map<number, Branch[]>();
  for (const rule of rules.syscalls ?? []) {
    const result = resultOf(rule.action, rule.errnoRet);
    if (result === fallback) continue;
    for (const name of rule.names) {
      const number = numbers.get(name);
      if (number === undefined) continue;
      const branches = all.get(number) ?? [];
      all.set(number, branches);
      branches.push(...alternatives(rule).map((conditions) => ({ conditions, result })));
    }
  }
  return all;
}

function alternatives({ args = [] }: SyscallRule): readonly (readonly ArgumentCondition[])[] {
  const repeats = new Set(args.map(({ index }) => index)).size < args.length;
  return repeats ? args.map((each) => [each]) : [args];
}

function writeBranches(writer: ProgramWriter, branches: readonly Branch[], fallback: number): Target {
  return branches.reduceRight<Target>(
    (otherwise, { conditions, result }) =>
      conditions.reduceRight<Target>((then, condition) => writeCondition(writer, condition, then, otherwise), {
        result,
      }),
    { result: fallback },
  );
}

interface Range {
  readonly from: number;
  readonly target: Target;
}

/** Halves the ranges until one is left: the number of the call stays loaded meanwhile. */
function writeSearch(writer: ProgramWriter, ranges: readonly Range[]): Target {
  const [first] = ranges;
  if (first === undefined) throw new Error('nothing to search');
  if (ranges.length === 1) return first.target;
  const middle = ranges.length >> 1;
  const upper = writeSearch(writer, ranges.slice(middle));
  const lower = writeSearch(writer, ranges.slice(0, middle));
  return writer.test('atLeast', ranges[middle]?.from ?? 0, upper, lower);
}
