import { chmod, chown, constants, copyFile, link, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { ImageConfig } from '@timonel/sdk/contracts/images';
import { ownerHere } from '@timonel/sdk/linux';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { hostFileSchema, isUnchanged, planHostImage, type HostFile } from './host-image-plan.ts';
import { completeConfig, encodeConfiguration } from './image-configuration.ts';
import { sha256 } from './layer-store.ts';
import { makeDirectory } from './unpack/entry-names.ts';

/** The reference of the built-in image. */
export const hostImageReference = 'timonel.local/node:host';

const stateSchema = z.strictObject({
  id: z.string(),
  nodePath: z.string(),
  files: z.array(hostFileSchema),
});

/** Directories of the image: path and mode. */
const directories: readonly (readonly [string, number])[] = [
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755],
  ['usr/lib', 0o755],
  ['usr/lib64', 0o755],
  ['etc/ssl/certs', 0o755],
  ['dev', 0o755],
  ['proc', 0o555],
  ['sys', 0o555],
  ['run', 0o755],
  ['var/run', 0o755],
  ['var/log', 0o755],
  ['var/tmp', 0o1777],
  ['tmp', 0o1777],
  ['root', 0o700],
  ['home/node', 0o755],
];
const rootLinks = ['bin', 'sbin', 'lib', 'lib64'];
const nodeUserId = 1000;

const texts: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  'etc/group': 'root:x:0:\ntty:x:5:\nnode:x:1000:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  // Empty: the runtime mounts over them.
  'etc/hosts': '',
  'etc/hostname': '',
  'etc/resolv.conf': '',
};

/** What `timonel.local/node:host` would be now. */
export interface HostImage {
  readonly id: string;
  readonly diffId: string;
  readonly config: ImageConfig;
  readonly configuration: Buffer;
  readonly files: readonly HostFile[];
  readonly sizeBytes: number;
}

/** The id of the built image while the host's files are still those it was made from. */
export async function currentHostImageId(statePath: string, nodePath: string): Promise<string | undefined> {
  const text = await readFileIfThere(statePath);
  if (text === undefined) return undefined;
  const state = stateSchema.safeParse(parseOrNothing(text));
  // It is a cache only: an unreadable one is made again.
  if (!state.success || state.data.nodePath !== nodePath) return undefined;
  return (await isUnchanged(state.data.files)) ? state.data.id : undefined;
}

export async function rememberHostImage(statePath: string, nodePath: string, image: HostImage): Promise<void> {
  await writeFileAtomically(statePath, JSON.stringify({ id: image.id, nodePath, files: image.files }));
}

/**
 * Plans the image. Its layer's digest is not that of a tar: reading 100 MB of node at first use would cost more than
 * all else. It is the digest of the list of files with their sizes, times and inodes, so it says which host files these
 * are and means nothing on another machine.
 */
export async function describeHostImage(nodePath: string): Promise<HostImage> {
  const files = await planHostImage(nodePath);
  const diffId = sha256(JSON.stringify([1, files, texts, directories]));
  const config = completeConfig({
    cmd: ['node'],
    env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
    ],
    workingDir: '/',
    labels: { 'timonel.local/built-from': 'host' },
  });
  const configuration = encodeConfiguration(config, [diffId], '');
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { id: sha256(configuration), diffId, config, configuration, files, sizeBytes };
}

/** Makes the layer in `root` (an existing, empty directory). */
export async function writeHostLayer(root: string, image: HostImage): Promise<void> {
  await chmod(root, 0o755);
  const made = new Set<string>();
  for (const [name, mode] of directories) {
    await makePath(root, name, made);
    await chmod(join(root, name), mode);
  }
  for (const name of rootLinks) await symlink(`usr/${name}`, join(root, name));
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(root, name), text);
    await chmod(join(root, name), 0o644);
  }
  if (process.getuid?.() === 0) {
    const { uid, gid } = ownerHere({ uid: nodeUserId, gid: nodeUserId });
    await chown(join(root, 'home/node'), uid, gid);
  }
  for (const file of image.files) {
    const path = join(root, file.target);
    await makePath(root, dirname(file.target), made);
    await takeFile(file.source, path);
  }
}

async function makePath(root: string, name: string, made: Set<string>): Promise<void> {
  if (name === '.' || made.has(name)) return;
  await makePath(root, dirname(name), made);
  makeDirectory(join(root, name));
  made.add(name);
}

// A hard link costs nothing, and overlayfs never writes to a lower layer. It is the host's own inode: no chown, no
// chmod, ever. On another file system, or where the kernel protects links (fs.protected_hardlinks): a copy, which
// shares the blocks where the file system can.
async function takeFile(source: string, path: string): Promise<void> {
  try {
    await link(source, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP'].includes(code)) throw error;
    await copyFile(source, path, constants.COPYFILE_FICLONE);
    await chmod(path, (await stat(source)).mode & 0o7777 & ~0o6000);
  }
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
