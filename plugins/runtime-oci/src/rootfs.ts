import { lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { run } from '@timonel/sdk/command';
import { hostEnv } from './oci-program.ts';

/** What the kernel takes. */
const mostLayers = 500;

/** Mounts the layers (top first) as DIRECTORY/rootfs, with what is written in DIRECTORY/upper. @throws Error */
export async function mountRoot(directory: string, layers: readonly string[]): Promise<void> {
  if (layers.length > mostLayers)
    throw new Error(`an image of ${layers.length} layers has too many: ${mostLayers} at most`);
  for (const layer of layers) {
    if (lstatOf(layer)?.isDirectory() !== true) throw new Error(`layer ${layer} of the image is not on this node`);
  }
  for (const name of ['upper', 'work', 'rootfs', 'l']) mkdirSync(join(directory, name), { mode: 0o755 });
  // The options have room for a page: short names, and none that holds a comma or colon.
  if (layers.length === 0) mkdirSync(join(directory, 'l', '0'));
  for (const [index, layer] of layers.entries()) symlinkSync(layer, join(directory, 'l', String(index)));
  const lower = (layers.length === 0 ? ['l/0'] : layers.map((_layer, index) => `l/${index}`)).join(':');
  const options = `lowerdir=${lower},upperdir=upper,workdir=work`;
  await mount(['-t', 'overlay', '-o', options, 'overlay', join(directory, 'rootfs')], directory);
}

/** /dev/shm of a sandbox. @throws Error */
export async function mountSharedMemory(path: string): Promise<void> {
  mkdirSync(path, { mode: 0o1777 });
  await mount(['-t', 'tmpfs', '-o', 'mode=1777,size=65536k,nosuid,noexec,nodev', 'shm', path], '/');
}

/** Unmounts all at or below a path, the last first. Nothing there is no error. */
export async function unmountAll(path: string): Promise<void> {
  const points = mountPoints().filter((point) => point === path || point.startsWith(`${path}/`));
  for (const point of points.reverse()) {
    const { status, stderr } = await run('umount', ['--', point]);
    if (status === 0 || !isMounted(point)) continue;
    // Somebody still has a file open there: it goes away with the last of them.
    const lazy = await run('umount', ['--lazy', '--', point]);
    if (lazy.status !== 0 && isMounted(point))
      throw new Error(`cannot unmount ${point}: ${(lazy.stderr || stderr).trim()}`);
  }
}

export function isMounted(path: string): boolean {
  return mountPoints().includes(path);
}

/** proc(5): blanks and the like stand in octal. */
function mountPoints(): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) =>
    (line.split(' ')[4] ?? '').replaceAll(/\\(\d{3})/g, (_all, octal: string) =>
      String.fromCharCode(parseInt(octal, 8)),
    ),
  );
}

function mount(args: readonly string[], directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mount', args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory, env: hostEnv() });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < 4096) text += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(text.trim() || `mount failed with status ${code}`));
    });
  });
}

function lstatOf(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
