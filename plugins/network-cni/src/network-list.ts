/** Network configurations as files. Source: CNI specification 1.1, section 1. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorMessage } from '@timonel/sdk';
import { NetworkError } from '@timonel/sdk/contracts/network';
import { atLeast, versionPattern } from './versions.ts';

const fileLimitBytes = 1024 * 1024;
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

const pluginSchema = z.looseObject({
  // The name of a program, which is looked for in directories: no path.
  type: z.string().regex(namePattern, 'is not the name of a program'),
  capabilities: z.record(z.string(), z.boolean()).exactOptional(),
});

const listSchema = z.looseObject({
  name: z.string().regex(namePattern, 'has characters other than letters, digits, "_", "." and "-"'),
  cniVersion: z.string().regex(versionPattern, 'is not a version such as 1.0.0'),
  cniVersions: z.array(z.string().regex(versionPattern)).max(64).exactOptional(),
  disableCheck: z.boolean().default(false),
  disableGC: z.boolean().default(false),
  plugins: z.array(pluginSchema).min(1, 'names no plugin').max(32),
});

/** One plugin's part; other keys are the plugin's own. */
export interface PluginConfig {
  readonly [key: string]: unknown;
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
}

/** Plugins that together make one network, in the order in which they are called. */
export interface NetworkList {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly PluginConfig[];
}

/** The first configuration of the directory, or that of this name. Files that are none are passed over. @throws NetworkError */
export async function readNetworkList(directory: string, name: string | undefined): Promise<NetworkList> {
  const problems: string[] = [];
  const files = (await readdir(directory).catch(() => []))
    .filter((file) => /\.(conflist|conf|json)$/.test(file))
    .sort();
  for (const file of files) {
    try {
      const found = await readListFile(join(directory, file));
      if (name === undefined || found.name === name) return found;
      problems.push(`${file} is called ${found.name}`);
    } catch (error) {
      problems.push(`${file}: ${errorMessage(error)}`);
    }
  }
  const wanted = name === undefined ? 'no CNI configuration' : `no CNI configuration called ${name}`;
  const seen = problems.length === 0 ? 'put a .conflist there' : problems.join('; ').slice(0, 1000);
  throw new NetworkError('COMMAND_FAILED', `there is ${wanted} in ${directory}: ${seen}`);
}

async function readListFile(path: string): Promise<NetworkList> {
  const { size } = await stat(path);
  if (size > fileLimitBytes) throw new Error(`is larger than ${fileLimitBytes} bytes`);
  return parseNetworkList(await readFile(path, 'utf8'));
}

/** @throws Error with what is wrong */
export function parseNetworkList(text: string): NetworkList {
  const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
  // A file with one plugin, as it was before lists.
  const isSingle = typeof value === 'object' && value !== null && 'type' in value && !('plugins' in value);
  const { name, cniVersion } = value;
  const { success, data, error } = listSchema.safeParse(isSingle ? { name, cniVersion, plugins: [value] } : value);
  if (!success) {
    throw new Error(error.issues.map(({ path, message }) => `${path.join('.') || 'it'} ${message}`).join(', '));
  }
  const versions = [data.cniVersion, ...(data.cniVersions ?? [])].filter(isServed);
  const best = versions.reduce<string | undefined>((a, b) => (a !== undefined && atLeast(a, b) ? a : b), undefined);
  if (best === undefined) throw new Error(`cniVersion ${data.cniVersion} is not one of 0.3.0 to 1.1.0`);
  return {
    name: data.name,
    cniVersion: best,
    disableCheck: data.disableCheck,
    disableGC: data.disableGC,
    plugins: data.plugins,
  };
}

function isServed(version: string): boolean {
  return atLeast(version, '0.3.0') && atLeast('1.1.0', version);
}
