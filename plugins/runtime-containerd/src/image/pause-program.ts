/**
 * The program that holds a pod's namespaces: it ignores SIGCHLD, so that it leaves no zombies where the pod shares its processes, and
 * waits. Written out as machine code: it is all there is in the image of sandboxes.
 */

const base = 0x40_00_00;
const headBytes = 120;

/** `struct sigaction` of the kernel: SIG_IGN with SA_NOCLDWAIT. */
const ignore = Buffer.alloc(32);
ignore.writeUInt8(1, 0);
ignore.writeUInt8(2, 8);

const programs: Readonly<Record<string, { readonly machine: number; readonly code: Buffer }>> = {
  amd64: {
    machine: 62,
    code: Buffer.from(
      [
        'b80d000000', // mov eax, rt_sigaction
        'bf11000000', // mov edi, SIGCHLD
        '488d3517000000', // lea rsi, [rip + 23]: the struct
        '31d2', // xor edx, edx
        '41ba08000000', // mov r10d, 8: bytes of a signal set
        '0f05', // syscall
        'b822000000', // again: mov eax, pause
        '0f05', // syscall
        'ebf7', // jmp again
        '00000000',
      ].join(''),
      'hex',
    ),
  },
  arm64: {
    machine: 183,
    code: words([
      0xd2_80_10_c8, // mov x8, rt_sigaction
      0xd2_80_02_20, // mov x0, SIGCHLD
      0x10_00_01_81, // adr x1, the struct
      0xd2_80_00_02, // mov x2, 0
      0xd2_80_01_03, // mov x3, 8
      0xd4_00_00_01, // svc 0
      0xd2_80_09_28, // again: mov x8, ppoll
      0xd2_80_00_00, // mov x0 … x4, 0
      0xd2_80_00_01,
      0xd2_80_00_02,
      0xd2_80_00_03,
      0xd2_80_00_04,
      0xd4_00_00_01, // svc 0
      0x17_ff_ff_f9, // b again
    ]),
  },
};

function words(instructions: readonly number[]): Buffer {
  const code = Buffer.alloc(instructions.length * 4);
  for (const [index, word] of instructions.entries()) code.writeUInt32LE(word, index * 4);
  return code;
}

/** An ELF executable. `architecture`: as images name it. @throws Error for one that we have no program of */
export function pauseProgram(architecture: string): Buffer {
  const program = programs[architecture];
  if (program === undefined)
    throw new Error(
      `there is no sandbox image for ${architecture}: set sandbox_image of containerd to one of your own`,
    );
  const body = Buffer.concat([program.code, ignore]);
  const length = headBytes + body.length;
  const head = Buffer.alloc(headBytes);
  Buffer.from('7f454c46020101', 'hex').copy(head);
  head.writeUInt16LE(2, 16); // an executable
  head.writeUInt16LE(program.machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(base + headBytes), 24); // entry
  head.writeBigUInt64LE(64n, 32); // one program header follows
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt16LE(64, 58);
  head.writeUInt32LE(1, 64); // load
  head.writeUInt32LE(5, 68); // readable, executable
  head.writeBigUInt64LE(BigInt(base), 80);
  head.writeBigUInt64LE(BigInt(base), 88);
  head.writeBigUInt64LE(BigInt(length), 96);
  head.writeBigUInt64LE(BigInt(length), 104);
  head.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([head, body]);
}
