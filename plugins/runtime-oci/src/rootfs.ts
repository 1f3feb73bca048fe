import { chownSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { unmountAll } from '@timonel/sdk/linux';
import { helper, helperText } from './helper.ts';
import { hostEnv } from './oci-program.ts';

/** What the kernel takes. */
const mostLayers = 500;

/** Whose root the files of a container belong to. */
export interface Shift {
  readonly userNamespace: string;
  readonly uid: number;
  readonly gid: number;
}

/** Mounts the layers (top first) at `target`, with what is written in DIRECTORY/upper. @throws Error */
export async function mountRoot(
  directory: string,
  layers: readonly string[],
  target: string,
  shift?: Shift,
): Promise<void> {
  if (layers.length > mostLayers)
    throw new Error(`an image of ${layers.length} layers has too many: ${mostLayers} at most`);
  for (const layer of layers) {
    if (lstatOf(layer)?.isDirectory() !== true) throw new Error(`layer ${layer} of the image is not on this node`);
  }
  mkdirSync(target, { mode: 0o755 });
  for (const name of ['upper', 'work', 'l']) {
    mkdirSync(join(directory, name), { mode: 0o755 });
    if (shift !== undefined) chownSync(join(directory, name), shift.uid, shift.gid);
  }
  // The options have room for a page: short names, and none that holds a comma or colon.
  const names = layers.length === 0 ? ['l/0'] : layers.map((_layer, index) => `l/${index}`);
  if (layers.length === 0 || shift !== undefined) for (const name of names) mkdirSync(join(directory, name));
  else for (const [index, layer] of layers.entries()) symlinkSync(layer, join(directory, names[index] ?? ''));
  if (shift !== undefined)
    await mountShifted(
      layers,
      names.map((name) => join(directory, name)),
      shift,
    );
  const options = `lowerdir=${names.join(':')},upperdir=upper,workdir=work`;
  await execute('mount', ['-t', 'overlay', '-o', options, 'overlay', target], directory);
}

/** Mounts each source at the target of the same place, with its owners as the user namespace has them. @throws Error */
export async function mountShifted(
  sources: readonly string[],
  targets: readonly string[],
  shift: Shift,
): Promise<void> {
  if (sources.length === 0) return;
  const pairs = sources.flatMap((source, index) => [source, targets[index] ?? '']);
  await execute(helper, ['idmap', shift.userNamespace, ...pairs], '/');
}

/** /dev/shm of a sandbox. @throws Error */
export async function mountSharedMemory(
  path: string,
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  mkdirSync(path, { mode: 0o1777 });
  const options = `mode=1777,uid=${owner.uid},gid=${owner.gid},size=65536k,nosuid,noexec,nodev`;
  await execute('mount', ['-t', 'tmpfs', '-o', options, 'shm', path], '/');
}

/** A directory that everybody may pass through, and nobody look into. */
export function makeOpen(directory: string): void {
  mkdirSync(join(directory, '..'), { recursive: true, mode: 0o711 });
  mkdirSync(directory, { mode: 0o711 });
}

/** Shows a directory in a second place. @throws Error */
export async function mountAgain(source: string, target: string): Promise<void> {
  mkdirSync(target);
  await execute('mount', ['--bind', source, target], '/');
}

/** Unmounts and removes what {@link makeOpen} made, and the directory above it when it is the last. */
export async function removeOpen(directory: string): Promise<void> {
  await unmountAll(directory);
  await rm(directory, { recursive: true, force: true });
  await rmdir(join(directory, '..')).catch(() => undefined); // others are in it, or it was never made
}

function execute(program: string, args: readonly string[], directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory, env: hostEnv() });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < 4096) text += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(helperText(text) || `${program} failed with status ${code}`));
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
