/** Instructions of classic BPF that a filter of system calls needs, as in linux/bpf_common.h. */
export const opcode = {
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  equal: 0x15,
  greater: 0x25,
  atLeast: 0x35,
  end: 0x06,
} as const;

export interface Instruction {
  readonly code: number;
  readonly onTrue: number;
  readonly onFalse: number;
  readonly operand: number;
}

/** Where a jump leads: to what was written before (it comes later in the program), or to the end with a result. */
export type Target = { readonly position: number } | { readonly result: number };

/** BPF_MAXINSNS. */
const longest = 4096;
/** Offsets of conditional jumps have 8 bits. Two bridges may come between. */
const reach = 252;

/** Writes a program from its end to its beginning: jumps lead forward only, so each target is known when it is needed. */
export class ProgramWriter {
  readonly #reversed: Instruction[] = [];

  /** @returns where it begins */
  load(offset: number, then: Target): Target {
    this.#reach(then);
    return this.#push({ code: opcode.load, onTrue: 0, onFalse: 0, operand: offset });
  }

  and(mask: number, then: Target): Target {
    this.#reach(then);
    return this.#push({ code: opcode.and, onTrue: 0, onFalse: 0, operand: mask });
  }

  test(code: 'equal' | 'greater' | 'atLeast', operand: number, onTrue: Target, onFalse: Target): Target {
    const near = [this.#near(onTrue), this.#near(onFalse)];
    const [yes = 0, no = 0] = near.map((position) => this.#reversed.length - 1 - position);
    return this.#push({ code: opcode[code], onTrue: yes, onFalse: no, operand });
  }

  /** The whole program, which begins at `start`. Undefined: longer than the kernel takes. */
  finish(start: Target): readonly Instruction[] | undefined {
    this.#reach(start);
    return this.#reversed.length > longest ? undefined : [...this.#reversed].reverse();
  }

  #push(instruction: Instruction): Target {
    this.#reversed.push(instruction);
    return { position: this.#reversed.length - 1 };
  }

  /** What is written next goes on with `target`. */
  #reach(target: Target): void {
    if ('result' in target || target.position < this.#reversed.length - 1) this.#bridge(target);
  }

  /** Writes what leads to `target` from here, however far it is. */
  #bridge(target: Target): void {
    const between = 'position' in target ? this.#reversed.length - 1 - target.position : 0;
    this.#push(
      'result' in target
        ? { code: opcode.end, onTrue: 0, onFalse: 0, operand: target.result }
        : { code: opcode.jump, onTrue: 0, onFalse: 0, operand: between },
    );
  }

  #near(target: Target): number {
    const written = this.#reversed.length;
    if ('position' in target && written - 1 - target.position < reach) return target.position;
    const known = 'result' in target ? this.#lastEnd(target.result) : undefined;
    if (known !== undefined) return known;
    this.#bridge(target);
    return this.#reversed.length - 1;
  }

  #lastEnd(result: number): number | undefined {
    for (let at = this.#reversed.length - 1; at >= 0 && this.#reversed.length - 1 - at < reach; at--) {
      const each = this.#reversed[at];
      if (each?.code === opcode.end && each.operand === result) return at;
    }
    return undefined;
  }
}

/** As `struct sock_filter` lies in memory; both architectures have the low byte first. */
export function encodeProgram(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, { code, onTrue, onFalse, operand }] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(onTrue, index * 8 + 2);
    bytes.writeUInt8(onFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand, index * 8 + 4);
  }
  return bytes;
}
