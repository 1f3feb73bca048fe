import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isElf, sharedLibrariesOf } from './host-libraries.ts';

/** A host file that goes into the image, and what it was when it was taken. */
export interface HostFile {
  /** Path in the image, relative. */
  readonly target: string;
  /** Path on the host, links resolved. */
  readonly source: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly inode: number;
}

export const hostFileSchema: z.ZodType<HostFile> = z.strictObject({
  target: z.string(),
  source: z.string(),
  sizeBytes: z.number(),
  mtimeMs: z.number(),
  inode: z.number(),
});

// What `exec` and simple manifests count on. A host without one of them gives an image without it.
const tools = (
  'sh cat ls sleep hostname ps env id echo true false date mkdir rm cp mv ln chmod touch head tail wc tr cut ' +
  'grep sed sort printf test dirname basename seq kill uname readlink mount df du tee xargs find which dd ip ss ping'
).split(' ');
const searchPath = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Which files of this host make `timonel.local/node:host`. */
export async function planHostImage(nodePath: string): Promise<readonly HostFile[]> {
  const programs = new Map<string, string>([['usr/bin/node', nodePath]]);
  for (const tool of tools) {
    const path = await findProgram(tool);
    if (path !== undefined) programs.set(`usr/bin/${tool}`, path);
  }
  const libraries = await sharedLibrariesOf([...new Set(programs.values())]);
  const wanted = new Map<string, string>(programs);
  for (const library of [...libraries, ...(await nameServiceLibraries(libraries))]) {
    wanted.set(imagePath(library), library);
  }
  for (const optional of ['/etc/ld.so.cache', '/etc/os-release', certificates]) wanted.set(optional.slice(1), optional);
  const files = await Promise.all([...wanted].map(([target, source]) => describe(target, source)));
  return files.filter((file) => file !== undefined).sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** True while every file is the one that was taken. */
export async function isUnchanged(files: readonly HostFile[]): Promise<boolean> {
  const now = await Promise.all(files.map(({ target, source }) => describe(target, source)));
  return files.every((file, i) => {
    const found = now[i];
    return found?.sizeBytes === file.sizeBytes && found.mtimeMs === file.mtimeMs && found.inode === file.inode;
  });
}

async function describe(target: string, path: string): Promise<HostFile | undefined> {
  try {
    const source = await realpath(path);
    const found = await stat(source);
    if (!found.isFile()) return undefined;
    return { target, source, sizeBytes: found.size, mtimeMs: found.mtimeMs, inode: found.ino };
  } catch {
    return undefined;
  }
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of searchPath) {
    const path = await realpath(join(directory, name)).catch(() => undefined);
    if (path !== undefined && (await isElf(path))) return path;
  }
  return undefined;
}

// glibc before 2.34 loads these by name when a program looks up users or hosts, so that ldd does not see them.
async function nameServiceLibraries(libraries: readonly string[]): Promise<readonly string[]> {
  const libc = libraries.find((path) => path.endsWith('/libc.so.6'));
  if (libc === undefined) return [];
  const names = await readdir(dirname(libc));
  return names
    .filter((name) => /^(libnss_(files|dns)\.so\.2|libresolv\.so\.2)$/.test(name))
    .map((name) => join(dirname(libc), name));
}

// The image has one /usr with links from /bin, /sbin, /lib and /lib64, as current distributions do.
function imagePath(path: string): string {
  return path.replace(/^\/(bin|sbin|lib|lib32|lib64|libx32)\//, '/usr/$1/').slice(1);
}
