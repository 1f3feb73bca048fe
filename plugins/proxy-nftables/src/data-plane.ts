import { createHash } from 'node:crypto';
import type { Logger } from '@timonel/sdk';
import { makeIdleLink, mustRun, run } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { renderChanges, renderTable, type RulesetOptions, type WrittenChains } from './ruleset.ts';
import { contentOf, type TableContent } from './table-content.ts';
import { UdpFlows } from './udp-flows.ts';

type Ranges = Omit<RulesetOptions, 'table'>;

/** What this plugin owns in the kernel, named after its data directory so that clusters on one machine stay apart. */
interface Names {
  readonly table: string;
  /** A link without a wire that carries the route to the service addresses where the machine has no other. */
  readonly link: string;
}

/** Chains that no service uses any more; with more of them the table is written anew. */
const unusedGuardsLimit = 100;

const linkName = /^tn[0-9a-f]{8}$/;

export function namesOf(dataDir: string): Names {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return { table: `timonel_${id}_svc`, link: `tn${id}` };
}

/** The kernel's tables and the route to the service addresses. Touches nothing but its own table and link. */
export class NftablesDataPlane {
  readonly #names: Names;
  readonly #ranges: Ranges;
  #written: { readonly content: TableContent; readonly chains: WrittenChains } | undefined;
  readonly #flows: UdpFlows;
  #opened = false;

  constructor(dataDir: string, { serviceCidr, clusterCidrs }: Ranges, log: Logger) {
    this.#names = namesOf(dataDir);
    this.#ranges = { serviceCidr, clusterCidrs };
    this.#flows = new UdpFlows(log);
  }

  /** @throws CommandError when nft is absent or may not be used */
  async open(): Promise<void> {
    await mustRun('nft', ['list', 'tables', 'ip']);
    this.#opened = true;
  }

  /**
   * Changes the table in one transaction, by what is new in `rules`: when it fails, the old rules stay, and the next call writes all anew.
   * Nothing is done when nothing changed.
   */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const content = contentOf(rules);
    const options = { table: this.#names.table, ...this.#ranges };
    if (this.#written === undefined) await this.#ensureRoute();
    const { text, chains } = this.#changes(content, options) ?? renderTable(content, options);
    if (text === '') return;
    this.#written = undefined;
    await mustRun('nft', ['-f', '-'], text);
    this.#written = { content, chains };
    this.#flows.follow(rules);
  }

  #changes(content: TableContent, options: RulesetOptions): ReturnType<typeof renderChanges> {
    if (this.#written === undefined) return undefined;
    const { content: before, chains } = this.#written;
    if (chains.guards.size - content.guards.size > unusedGuardsLimit) return undefined;
    return renderChanges(before, content, chains, options);
  }

  /** Makes the next {@link apply} write even when nothing changed. */
  forget(): void {
    this.#written = undefined;
  }

  /** Removes the table and the link. */
  async close(): Promise<void> {
    this.#written = undefined;
    await this.#flows.close();
    if (!this.#opened) return;
    // `add` first: deleting a table that is absent is an error.
    const { table, link } = this.#names;
    await mustRun('nft', ['-f', '-'], `add table ip ${table}\ndelete table ip ${table}\n`);
    await run('ip', ['link', 'delete', link]);
    this.#opened = false;
  }

  // Without any route a connection to a service address fails before nftables sees it. A route over the link of another
  // data plane does not count: it goes when that one closes.
  async #ensureRoute(): Promise<void> {
    const address = this.#ranges.serviceCidr.split('/')[0] ?? '';
    const { status, stdout } = await run('ip', ['route', 'get', address]);
    const device = /\bdev (\S+)/.exec(stdout)?.[1] ?? '';
    const { link } = this.#names;
    if (device === link || (status === 0 && !linkName.test(device))) return;
    const own = await run('ip', ['route', 'show', this.#ranges.serviceCidr, 'dev', link]);
    if (own.status === 0 && own.stdout.trim() !== '') return;
    await makeIdleLink(link);
    // `append`: the kernel keeps several routes of one range over different links.
    await mustRun('ip', ['route', 'append', this.#ranges.serviceCidr, 'dev', link]);
  }
}
