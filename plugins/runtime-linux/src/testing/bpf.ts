/** A second reading of what filters of system calls mean: an interpreter of their programs, and their profiles taken word by word. */
import type { ArgumentCondition, SeccompRules, SyscallRule } from '@timonel/sdk/linux';

export interface Call {
  readonly audit: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

/** What the kernel would do with a program for this call. Throws where the kernel would refuse the program. */
export function runProgram(program: Buffer, call: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, 0);
  data.writeUInt32LE(call.audit, 4);
  for (const [index, value] of call.args.entries()) data.writeBigUInt64LE(value, 16 + index * 8);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at++) {
    const code = program.readUInt16LE(at * 8);
    const [yes, no] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const operand = program.readUInt32LE(at * 8 + 4);
    if (code === 0x06) return operand;
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x05) at += operand;
    else if (code === 0x15) at += accumulator === operand ? yes : no;
    else if (code === 0x25) at += accumulator > operand ? yes : no;
    else if (code === 0x35) at += accumulator >= operand ? yes : no;
    else throw new Error(`no such instruction: ${code}`);
  }
  throw new Error('the program runs past its end');
}

const actions: Readonly<Record<string, number>> = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
};

/** What the profile says about the call of this name (undefined: a number without name) with this number. */
export function readRules(
  rules: SeccompRules,
  name: string | undefined,
  number: number,
  newestNamed: number,
  args: readonly bigint[],
): number {
  const result = (action: string, errno?: number): number => actions[action] ?? 0x50000 + (errno ?? 1);
  const fallback = result(rules.defaultAction, rules.defaultErrnoRet);
  const open = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG'].includes(rules.defaultAction);
  if (number > newestNamed && !open) return 0x50000 + 38;
  const rule = (rules.syscalls ?? []).find(
    (each) =>
      result(each.action, each.errnoRet) !== fallback &&
      name !== undefined &&
      each.names.includes(name) &&
      matches(each, args),
  );
  return rule === undefined ? fallback : result(rule.action, rule.errnoRet);
}

function matches({ args: conditions = [] }: SyscallRule, args: readonly bigint[]): boolean {
  const holds = (each: ArgumentCondition): boolean => compare(each, args[each.index] ?? 0n);
  const repeated = conditions.some(({ index }, at) => conditions.findIndex((each) => each.index === index) !== at);
  return repeated ? conditions.some(holds) : conditions.every(holds);
}

function compare({ op, value, valueTwo }: ArgumentCondition, argument: bigint): boolean {
  const wanted = BigInt(value);
  switch (op) {
    case 'SCMP_CMP_NE':
      return argument !== wanted;
    case 'SCMP_CMP_LT':
      return argument < wanted;
    case 'SCMP_CMP_LE':
      return argument <= wanted;
    case 'SCMP_CMP_EQ':
      return argument === wanted;
    case 'SCMP_CMP_GE':
      return argument >= wanted;
    case 'SCMP_CMP_GT':
      return argument > wanted;
    case 'SCMP_CMP_MASKED_EQ':
      return (argument & wanted) === BigInt(valueTwo ?? 0);
  }
}
