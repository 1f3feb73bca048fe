import type { DeviceRule } from './devices.ts';

/** Instructions of eBPF that a filter of devices needs, as in linux/bpf.h. */
const code = {
  load: 0x61,
  copy: 0xbc,
  and: 0x54,
  shiftRight: 0x74,
  set: 0xb7,
  skipUnless: 0x55,
  skipUnlessSame: 0x5d,
  end: 0x95,
};
const types = { b: 1, c: 2 } as const;
const accesses = [
  ['m', 1],
  ['r', 2],
  ['w', 4],
] as const;

/** `*` in place of a number: any. */
export interface DevicePattern extends Pick<DeviceRule, 'type' | 'permissions'> {
  readonly major: number | '*';
  readonly minor: number | '*';
}

/** A program for BPF_CGROUP_DEVICE that allows what one of the rules allows, and nothing else. */
export function deviceProgram(rules: readonly DevicePattern[]): Buffer {
  const [context, type, access, major, minor, scratch] = [1, 2, 3, 4, 5, 6];
  const all = [
    instruction(code.load, type, context, 0),
    instruction(code.copy, access, type),
    instruction(code.and, type, 0, 0, 0xff_ff),
    instruction(code.shiftRight, access, 0, 0, 16),
    instruction(code.load, major, context, 4),
    instruction(code.load, minor, context, 8),
  ];
  for (const rule of rules) {
    const mask = accesses.reduce((bits, [letter, bit]) => (rule.permissions.includes(letter) ? bits | bit : bits), 0);
    // each skips the rest of its rule; how much that is shows when the rule is complete
    const tests = [
      (rest: number) => [instruction(code.skipUnless, type, 0, rest, types[rule.type])],
      (rest: number) => [
        instruction(code.copy, scratch, access),
        instruction(code.and, scratch, 0, 0, mask),
        instruction(code.skipUnlessSame, scratch, access, rest),
      ],
      ...(rule.major === '*' ? [] : [skipUnless(major, rule.major)]),
      ...(rule.minor === '*' ? [] : [skipUnless(minor, rule.minor)]),
    ];
    all.push(
      ...tests.reduceRight<Buffer[]>(
        (rest, test) => [...test(rest.length), ...rest],
        [instruction(code.set, 0, 0, 0, 1), instruction(code.end)],
      ),
    );
  }
  return Buffer.concat([...all, instruction(code.set, 0, 0, 0, 0), instruction(code.end)]);
}

function skipUnless(register: number, value: number): (rest: number) => Buffer[] {
  return (rest) => [instruction(code.skipUnless, register, 0, rest, value)];
}

function instruction(operation: number, target = 0, source = 0, offset = 0, value = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(operation, 0);
  bytes.writeUInt8((source << 4) | target, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}
