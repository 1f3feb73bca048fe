import { mkdir, readFile, readlink, rm, rmdir, writeFile } from 'node:fs/promises';
import type { IpFamily } from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';
import { readRoutes } from './host-routes.ts';

const forwarding: Readonly<Record<IpFamily, string>> = {
  4: '/proc/sys/net/ipv4/ip_forward',
  6: '/proc/sys/net/ipv6/conf/all/forwarding',
};
const interfaces6 = '/proc/sys/net/ipv6/conf';
// Of the network namespace, as the settings are, not of an instance: the first instance writes the values it found, the last one
// puts them back. Lost at a reboot, as the settings themselves.
const rememberedDirectory = '/run/timonel';

async function rememberedPath(family: IpFamily): Promise<string> {
  const namespace = /\d+/.exec(await readlink('/proc/self/ns/net'))?.[0] ?? '';
  return `${rememberedDirectory}/${family === 4 ? 'ip_forward' : 'ip6_forward'}.before.${namespace}`;
}

/** Lets the kernel forward between pods and elsewhere. */
export async function enableForwarding(family: IpFamily): Promise<void> {
  const before = (await readFile(forwarding[family], 'utf8')).trim();
  if (before === '1') return;
  const listeners = family === 6 ? await routerListeners() : [];
  await mkdir(rememberedDirectory, { recursive: true });
  await writeFile(await rememberedPath(family), [before, ...listeners].join('\n'), { flag: 'wx' }).catch(
    ignoreExisting,
  );
  // A machine that forwards would take no more routes from its routers, unless it is told so with 2.
  for (const name of listeners) await writeFile(`${interfaces6}/${name}/accept_ra`, '2');
  await writeFile(forwarding[family], '1');
}

/** Interfaces over which routers have told this machine of routes. */
async function routerListeners(): Promise<string[]> {
  const told = (await readRoutes(6)).filter(({ protocol }) => protocol === 'ra').map(({ dev }) => dev);
  const found: string[] = [];
  for (const name of new Set(told)) {
    if ((await readFileIfThere(`${interfaces6}/${name}/accept_ra`))?.trim() === '1') found.push(name);
  }
  return found;
}

/** Puts back what was there before the first instance. Call when no instance needs it any more. */
export async function restoreForwarding(): Promise<void> {
  for (const family of [4, 6] as const) {
    const path = await rememberedPath(family);
    const [before, ...listeners] = (await readFileIfThere(path))?.split('\n') ?? [];
    if (before === undefined) continue;
    await writeFile(forwarding[family], before);
    // An interface may have gone by then.
    for (const name of listeners) await writeFile(`${interfaces6}/${name}/accept_ra`, '1').catch(() => undefined);
    await rm(path, { force: true });
  }
  // Fails when something else is in it.
  await rmdir(rememberedDirectory).catch(() => undefined);
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
