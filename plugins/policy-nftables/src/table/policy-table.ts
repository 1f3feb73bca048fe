import { createHash } from 'node:crypto';
import { mustRun, run } from '@timonel/sdk/command';
import type { PolicyContent } from './content.ts';
import { renderPolicies, renderPolicyChanges } from './render.ts';

/** How the names of this plugin's tables begin: made of its data directory, so that clusters on one machine stay apart. */
export function tablePrefix(dataDir: string): string {
  return `timonel_${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}_policy_`;
}

/**
 * The kernel's table of one instance of the plugin. While one instance replaces another, both have theirs, and a packet must pass both.
 * Touches nothing but tables of the plugin.
 */
export class PolicyTable {
  readonly #prefix: string;
  readonly #table: string;
  #written: PolicyContent | undefined;
  #isAlone = false;

  /** `instance`: another one for each. Hexadecimal. */
  constructor(dataDir: string, instance: string) {
    this.#prefix = tablePrefix(dataDir);
    this.#table = `${this.#prefix}${instance}`;
  }

  /** In one transaction: when it fails, the old rules stay, and the next call writes all anew. @throws CommandError */
  async apply(content: PolicyContent): Promise<void> {
    const written = this.#written;
    const text =
      written === undefined ? renderPolicies(content, this.#table) : renderPolicyChanges(written, content, this.#table);
    if (text === '') return;
    this.#written = undefined;
    await mustRun('nft', ['-f', '-'], text);
    this.#written = content;
    if (!this.#isAlone) await this.#removeOthers();
    this.#isAlone = true;
  }

  async remove(): Promise<void> {
    this.#written = undefined;
    await removeTables([this.#table]);
  }

  /** Those of instances that ended without removing theirs, and of the one that is replaced: this one has the same rules by now. */
  async #removeOthers(): Promise<void> {
    const { stdout } = await run('nft', ['list', 'tables']);
    const names = stdout.split('\n').flatMap((line) => /^table ip6? (\S+)$/.exec(line.trim())?.[1] ?? []);
    const others = names.filter((name) => name.startsWith(this.#prefix) && name !== this.#table);
    await removeTables([...new Set(others)]);
  }
}

async function removeTables(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  // `add` first: deleting a table that is absent is an error.
  const tables = names.flatMap((name) => [`ip ${name}`, `ip6 ${name}`]);
  const lines = tables.flatMap((name) => [`add table ${name}`, `delete table ${name}`]);
  await mustRun('nft', ['-f', '-'], `${lines.join('\n')}\n`);
}
