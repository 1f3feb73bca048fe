import { arm64Calls } from './arm64.ts';
import { i386Calls } from './i386.ts';
import { x8664Calls } from './x86-64.ts';

/** System calls of one kind of program that a kernel runs. */
export interface CallTable {
  /** AUDIT_ARCH_…, which the kernel gives to the filter. */
  readonly audit: number;
  readonly numbers: ReadonlyMap<string, number>;
  /** Numbers from here on are of programs for x32, which are refused. */
  readonly foreignFrom: number | undefined;
}

const x86_64: CallTable = { audit: 0xc0_00_00_3e, numbers: parse(x8664Calls), foreignFrom: 0x40_00_00_00 };
const i386: CallTable = { audit: 0x40_00_00_03, numbers: parse(i386Calls), foreignFrom: undefined };
const arm64: CallTable = { audit: 0xc0_00_00_b7, numbers: parse(arm64Calls), foreignFrom: undefined };

/**
 * The tables for a node of this architecture (Node's name of it) and a profile's list of architectures; the node's own is always
 * among them. What a profile names beyond these is left out: programs of such kinds are ended. Undefined: not known here.
 */
export function callTables(architecture: string, named: readonly string[]): readonly CallTable[] | undefined {
  if (architecture === 'arm64') return [arm64];
  if (architecture !== 'x64') return undefined;
  return named.includes('SCMP_ARCH_X86') ? [x86_64, i386] : [x86_64];
}

function parse(text: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of text.trim().split(/\s+/)) {
    if (/^\d+$/.test(word)) next = Number(word);
    else numbers.set(word, next++);
  }
  return numbers;
}
