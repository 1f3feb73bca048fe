/**
 * What plugins put into the kernel that outlives their process. Each notes it in its data directory, so that who takes its place in another
 * process can remove it: a plugin that is not started any more cannot do so itself.
 */
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomically } from '../files/index.ts';
import { mustRun, run } from './index.ts';

export interface KernelTraces {
  /** Id of the service that they are of. */
  readonly service: string;
  /** Of nftables: `ip timonel_…_svc`. */
  readonly tables: readonly string[];
  readonly links: readonly string[];
}

const fileName = 'kernel-traces.json';
/** Nothing else is touched, whatever the file says. */
const tableName = /^(ip|ip6) timonel_[0-9a-f]{8}_\w{1,40}$/;
const linkName = /^t[a-z][0-9a-f]{8}$/;

/** Tells processes apart, also such that have the same number. */
function thisProcess(): string {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The name of the program, in brackets, may contain anything. Source: proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return `${process.pid} ${fields[19]}`;
}

/** Call before any of it is made, with the data directory of the plugin. */
export async function noteTraces(dataDir: string, traces: KernelTraces): Promise<void> {
  await writeFileAtomically(join(dataDir, fileName), `${JSON.stringify({ owner: thisProcess(), ...traces })}\n`);
}

/** Call when all of it is removed. */
export async function forgetTraces(dataDir: string): Promise<void> {
  await rm(join(dataDir, fileName), { force: true });
}

async function readTraces(dataDir: string): Promise<(KernelTraces & { readonly owner: unknown }) | undefined> {
  const text = await readFileIfThere(join(dataDir, fileName)).catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { owner, service, tables, links } = JSON.parse(text) as Partial<
      Record<keyof KernelTraces | 'owner', unknown>
    >;
    const matching = (list: unknown, pattern: RegExp): string[] =>
      Array.isArray(list) ? list.filter((each): each is string => typeof each === 'string' && pattern.test(each)) : [];
    if (typeof service !== 'string') return undefined;
    return { owner, service, tables: matching(tables, tableName), links: matching(links, linkName) };
  } catch {
    return undefined;
  }
}

/**
 * Removes what plugins for `service` left that ran in processes before this one. `directory`: has the data directories of all plugins. Answers
 * whose traces were removed. @throws CommandError
 */
export async function removeLeftTraces(directory: string, service: string): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const plugin of await readdir(directory).catch((): string[] => [])) {
    const dataDir = join(directory, plugin);
    const traces = await readTraces(dataDir);
    if (traces?.service !== service || traces.owner === thisProcess()) continue;
    // `add` first: deleting a table that is absent is an error.
    const text = traces.tables.map((table) => `add table ${table}\ndelete table ${table}\n`).join('');
    if (text !== '') await mustRun('nft', ['-f', '-'], text);
    for (const link of traces.links) await run('ip', ['link', 'delete', link]);
    await forgetTraces(dataDir);
    removed.push(plugin);
  }
  return removed;
}
