import { mkdir, readFile, readlink, rm, rmdir, writeFile } from 'node:fs/promises';
import { readFileIfThere } from '@timonel/sdk/files';

const sysctlPath = '/proc/sys/net/ipv4/ip_forward';
// Of the network namespace, as the setting is, not of an instance: the first instance writes the value it found, the last one
// puts it back. Lost at a reboot, as the setting itself.
const rememberedDirectory = '/run/timonel';

async function rememberedPath(): Promise<string> {
  const namespace = /\d+/.exec(await readlink('/proc/self/ns/net'))?.[0] ?? '';
  return `${rememberedDirectory}/ip_forward.before.${namespace}`;
}

/** Lets the kernel forward between pods and elsewhere. */
export async function enableForwarding(): Promise<void> {
  const before = (await readFile(sysctlPath, 'utf8')).trim();
  if (before === '1') return;
  await mkdir(rememberedDirectory, { recursive: true });
  await writeFile(await rememberedPath(), before, { flag: 'wx' }).catch(ignoreExisting);
  await writeFile(sysctlPath, '1');
}

/** Puts back what was there before the first instance. Call when no instance needs it any more. */
export async function restoreForwarding(): Promise<void> {
  const path = await rememberedPath();
  const before = await readFileIfThere(path);
  if (before === undefined) return;
  await writeFile(sysctlPath, before);
  await rm(path, { force: true });
  // Fails when something else is in it.
  await rmdir(rememberedDirectory).catch(() => undefined);
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
