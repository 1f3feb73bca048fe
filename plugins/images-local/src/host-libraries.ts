import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The shared libraries of host programs and the dynamic loader itself, as ldd(1) finds them, by the paths under which
 * the loader looks for them. Only for programs of this host: ldd may run what it looks at.
 */
export async function sharedLibrariesOf(programs: readonly string[]): Promise<readonly string[]> {
  // One run for all: each start of a program halts this process for a moment. The ldd of musl looks at the first only.
  const output = await ldd(programs);
  const others = programs.length === 1 ? [] : programs.filter((program) => !output.includes(`${program}:\n`));
  const found = new Set(parseLdd(output));
  for (const program of others) for (const path of parseLdd(await ldd([program]))) found.add(path);
  return [...found].sort();
}

/** What it prints. A static program makes it exit with 1 ("not a dynamic executable"): it needs no library. */
async function ldd(programs: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const { stdout } = await run('ldd', [...programs], { env }).catch(staticOrThrow);
  return stdout;
}

/** Paths in lines of ldd: `name => /path (0x…)` and `/path (0x…)`; the vdso has no path, `/path:` heads a program's lines. */
export function parseLdd(output: string): readonly string[] {
  const paths: string[] = [];
  for (const line of output.split('\n')) {
    const path = /^\s+(?:\S+\s+=>\s+)?(\/\S+)(?:\s+\(0x[0-9a-f]+\))?\s*$/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
    else if (/=>\s+not found/.test(line)) throw new Error(`a shared library is missing on this host: ${line.trim()}`);
  }
  return paths;
}

/** True for a program the kernel runs by itself; scripts would need their interpreter too. */
export async function isElf(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await file.close();
  }
}

function staticOrThrow(error: unknown): { stdout: string } {
  const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
  if (
    code === 1 &&
    /not a dynamic executable|statically linked|Not a valid dynamic program/.test(`${stdout}${stderr}`)
  ) {
    return { stdout: stdout ?? '' };
  }
  throw error;
}
