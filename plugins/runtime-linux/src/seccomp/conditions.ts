import type { ArgumentCondition } from '@timonel/sdk/linux';
import type { ProgramWriter, Target } from './program.ts';

const low32 = 0xff_ff_ff_ffn;

/** Offsets in `struct seccomp_data`; arguments have 64 bits, the low word first. */
const lowWord = (index: number): number => 16 + index * 8;
const highWord = (index: number): number => 20 + index * 8;

/** Compares an argument: the filter loads words of 32 bits only. */
export function writeCondition(
  writer: ProgramWriter,
  condition: ArgumentCondition,
  holds: Target,
  fails: Target,
): Target {
  const { index, op } = condition;
  const value = BigInt(condition.value);
  if (op === 'SCMP_CMP_EQ') return writeEqual(writer, index, value, undefined, holds, fails);
  if (op === 'SCMP_CMP_NE') return writeEqual(writer, index, value, undefined, fails, holds);
  if (op === 'SCMP_CMP_MASKED_EQ') {
    return writeEqual(writer, index, BigInt(condition.valueTwo ?? 0), value, holds, fails);
  }
  if (op === 'SCMP_CMP_GT') return writeGreater(writer, index, value, 'greater', holds, fails);
  if (op === 'SCMP_CMP_GE') return writeGreater(writer, index, value, 'atLeast', holds, fails);
  if (op === 'SCMP_CMP_LE') return writeGreater(writer, index, value, 'greater', fails, holds);
  return writeGreater(writer, index, value, 'atLeast', fails, holds);
}

function writeEqual(
  writer: ProgramWriter,
  index: number,
  value: bigint,
  mask: bigint | undefined,
  equal: Target,
  different: Target,
): Target {
  const word = (shift: bigint, offset: number, then: Target): Target => {
    const part = mask === undefined ? low32 : (mask >> shift) & low32;
    const test = writer.test('equal', Number((value >> shift) & low32), then, different);
    return writer.load(offset, part === low32 ? test : writer.and(Number(part), test));
  };
  return word(32n, highWord(index), word(0n, lowWord(index), equal));
}

function writeGreater(
  writer: ProgramWriter,
  index: number,
  value: bigint,
  code: 'greater' | 'atLeast',
  yes: Target,
  no: Target,
): Target {
  const high = Number(value >> 32n);
  const low = writer.load(lowWord(index), writer.test(code, Number(value & low32), yes, no));
  const sameHigh = writer.test('equal', high, low, no);
  return writer.load(highWord(index), writer.test('greater', high, yes, sameHigh));
}
