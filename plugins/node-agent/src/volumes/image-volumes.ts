/** Volumes of images: the files of an image, read-only. Those of several layers are put together by an overlay of the pod. */
import { mkdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { ConfigError } from '../container/config-error.ts';

/** The kernel takes one page of options. */
const optionsLimit = 4000;

/** Where the files are. Called before each start: quick when it is mounted. @throws ConfigError */
export async function mountImage(volume: string, image: RootFilesystem, volumesDirectory: string): Promise<string> {
  const [only, ...more] = image.layers;
  if (only === undefined) throw new ConfigError(`volume "${volume}": image ${image.reference} has no layers`);
  if (more.length === 0) return only;
  const target = join(volumesDirectory, volume);
  if ((await mountsBelow(volumesDirectory)).includes(target)) return target;
  const options = `ro,lowerdir=${image.layers.join(':')}`;
  if (image.layers.some((layer) => /[:,\\]/.test(layer))) {
    throw new ConfigError(`volume "${volume}": the path ${only} holds one of the signs : , \\ which no overlay takes`);
  }
  if (options.length > optionsLimit) {
    throw new ConfigError(`volume "${volume}": image ${image.reference} has too many layers for a volume`);
  }
  await mkdir(target, { recursive: true });
  try {
    await mustRun('mount', ['-t', 'overlay', 'timonel-image', '-o', options, target]);
  } catch (error) {
    throw new ConfigError(`volume "${volume}": image ${image.reference} cannot be mounted: ${errorMessage(error)}`);
  }
  return target;
}

/** After the last container of the pod, and before its directory is removed. @throws CommandError */
export async function unmountImages(podDirectory: string): Promise<void> {
  for (const target of await mountsBelow(podDirectory)) await mustRun('umount', [target]);
}

/** Paths of overlays in the directory, the newest first. */
async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const targets = lines.flatMap((line) =>
    line.includes(' timonel-image ') ? [unescaped(line.split(' ')[4] ?? '')] : [],
  );
  return targets.filter((target) => target.startsWith(directory + sep)).toReversed();
}

/** proc_pid_mountinfo(5): blanks and backslashes are octal. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)));
}
