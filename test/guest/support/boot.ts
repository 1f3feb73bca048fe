/** A guest under QEMU: boots, ends by itself within the time, and leaves nothing. */
import { spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { GuestKernel } from './kernel.ts';

const qemu = 'qemu-system-x86_64';
/** A processor with little to translate: vector instructions of newer ones make node slower here. */
const emulation = ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'Nehalem'];
const memoryMb = 2048;
const resultMb = 32;
const lengthDigits = 16;
const keptConsole = 4000;

export interface BootOptions {
  readonly kernel: GuestKernel;
  readonly firstRoot: Buffer;
  readonly disk: string;
  /** For what it makes. */
  readonly directory: string;
  readonly timeoutMs: number;
}

/**
 * Whether the processor runs the guest itself. A /dev/kvm alone does not say so: some hosts offer one for kernels that were made for
 * it alone (PVM), under which Debian's hangs.
 */
export function hasKvm(): boolean {
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return false;
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resolves with what the guest wrote to its second disk. @throws Error with the end of its console */
export async function boot(options: BootOptions): Promise<string> {
  const results = join(options.directory, 'results');
  writeFileSync(results, '');
  truncateSync(results, resultMb * 1024 * 1024);
  const firstRoot = join(options.directory, 'first-root');
  writeFileSync(firstRoot, options.firstRoot);
  const { console, timedOut } = await run(options, firstRoot, results);
  const text = readResults(results);
  if (text !== undefined) return text;
  const why = timedOut ? `did not end within ${options.timeoutMs / 1000} s` : 'ended without results';
  throw new Error(`the guest ${why}; its console ends with:\n${console.slice(-keptConsole)}`);
}

function run(
  { kernel, disk, timeoutMs }: BootOptions,
  firstRoot: string,
  results: string,
): Promise<{ console: string; timedOut: boolean }> {
  const acceleration = hasKvm() ? ['-accel', 'kvm', '-cpu', 'host'] : emulation;
  const drive = (path: string): string => `file=${path},format=raw,if=virtio,cache=unsafe`;
  const cmdline = 'console=ttyS0 quiet mitigations=off nokaslr panic=-1 oops=panic cgroup_no_v1=all swapaccount=1';
  const options = [
    '-nodefaults -no-user-config -no-reboot -display none -serial stdio -nic none -smp 2'.split(' '),
    ['-m', String(memoryMb), ...acceleration],
    ['-kernel', kernel.image, '-initrd', firstRoot, '-append', cmdline],
    ['-drive', drive(disk), '-drive', drive(results)],
  ];
  const child = spawn(qemu, options.flat(), { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let [console, timedOut] = ['', false];
    const keep = (chunk: Buffer): void => void (console = (console + chunk.toString()).slice(-2 * keptConsole));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(error.code === 'ENOENT' ? new Error(`${qemu} is absent: install qemu-system-x86`) : error);
    });
    child.once('close', () => {
      clearTimeout(timer);
      resolve({ console, timedOut });
    });
  });
}

function readResults(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(lengthDigits);
    readSync(file, head, 0, lengthDigits, 0);
    const length = Number(head.toString('latin1'));
    if (!Number.isInteger(length) || length <= 0 || length > resultMb * 1024 * 1024 - lengthDigits) return undefined;
    const text = Buffer.alloc(length);
    readSync(file, text, 0, length, lengthDigits);
    return text.toString('utf8');
  } finally {
    closeSync(file);
  }
}
