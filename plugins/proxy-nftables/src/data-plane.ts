import { createHash } from 'node:crypto';
import { makeIdleLink, mustRun, run } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { renderRuleset } from './ruleset.ts';

/** What this plugin owns in the kernel, named after its data directory so that clusters on one machine stay apart. */
interface Names {
  readonly table: string;
  /** A link without a wire that carries the route to the service addresses where the machine has no default route. */
  readonly link: string;
}

export function namesOf(dataDir: string): Names {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return { table: `timonel_${id}_svc`, link: `tn${id}` };
}

/** The kernel's tables and the route to the service addresses. Touches nothing but its own table and link. */
export class NftablesDataPlane {
  readonly #names: Names;
  readonly #serviceCidr: string;
  #written: string | undefined;
  #madeLink = false;

  constructor(dataDir: string, serviceCidr: string) {
    this.#names = namesOf(dataDir);
    this.#serviceCidr = serviceCidr;
  }

  /** @throws CommandError when nft is absent or may not be used */
  async open(): Promise<void> {
    await mustRun('nft', ['list', 'tables', 'ip']);
    const probe = this.#serviceCidr.split('/')[0] ?? '';
    const route = await run('ip', ['route', 'get', probe]);
    if (route.status === 0) return;
    // Without any route to them a connection to a service address fails before nftables sees it.
    await makeIdleLink(this.#names.link);
    await mustRun('ip', ['route', 'add', this.#serviceCidr, 'dev', this.#names.link]);
    this.#madeLink = true;
  }

  /** Replaces the table in one transaction; nothing is done when nothing changed. */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const text = renderRuleset(rules, { table: this.#names.table });
    if (text === this.#written) return;
    await mustRun('nft', ['-f', '-'], text);
    this.#written = text;
  }

  /** Makes the next {@link apply} write even when nothing changed. */
  forget(): void {
    this.#written = undefined;
  }

  /** Removes the table and the link. */
  async close(): Promise<void> {
    this.#written = undefined;
    // `add` first: deleting a table that is absent is an error.
    const { table, link } = this.#names;
    await mustRun('nft', ['-f', '-'], `add table ip ${table}\ndelete table ip ${table}\n`);
    if (this.#madeLink) await run('ip', ['link', 'delete', link]);
    this.#madeLink = false;
  }
}
