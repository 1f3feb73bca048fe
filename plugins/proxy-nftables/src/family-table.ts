import { makeIdleLink, mustRun, run } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { renderChanges, renderTable, type RulesetOptions, type WrittenChains } from './ruleset.ts';
import { contentOf, ipOf, type Ip, type TableContent } from './table-content.ts';

/** Chains that no service uses any more; with more of them the table is written anew. */
const unusedGuardsLimit = 100;

/** Links of this plugin's instances. */
const linkName = /^tn[0-9a-f]{8}$/;

/** A change that is not made yet: `text` is for nft. */
export interface TableChange {
  readonly text: string;
  readonly done: () => void;
}

/** The services of one family: what stands in the kernel of them, and the way there. */
export class FamilyTable {
  readonly #options: RulesetOptions;
  #written: { readonly content: TableContent; readonly chains: WrittenChains } | undefined;

  constructor(options: RulesetOptions) {
    this.#options = options;
  }

  /** What is to be written for `rules`: by what is new, or all. Until it is done, nothing is taken to stand there. */
  change(rules: readonly ServicePortRule[]): TableChange {
    const content = contentOf(rules, this.#options.family);
    const { text, chains } = this.#changes(content) ?? renderTable(content, this.#options);
    if (text === '') return { text, done: () => undefined };
    this.#written = undefined;
    return { text, done: () => (this.#written = { content, chains }) };
  }

  /** As nft calls the family. */
  get ip(): Ip {
    return ipOf[this.#options.family];
  }

  get isWritten(): boolean {
    return this.#written !== undefined;
  }

  /** Makes the next change write all. */
  forget(): void {
    this.#written = undefined;
  }

  #changes(content: TableContent): ReturnType<typeof renderChanges> {
    if (this.#written === undefined) return undefined;
    const { content: before, chains } = this.#written;
    if (chains.guards.size - content.guards.size > unusedGuardsLimit) return undefined;
    return renderChanges(before, content, chains, this.#options);
  }

  // Without any route a connection to a service address fails before nftables sees it. A route over the link of another
  // data plane does not count: it goes when that one closes.
  async ensureRoute(link: string): Promise<void> {
    const { family, serviceCidr } = this.#options;
    const address = serviceCidr.split('/')[0] ?? '';
    const { status, stdout } = await run('ip', ['route', 'get', address]);
    const device = /\bdev (\S+)/.exec(stdout)?.[1] ?? '';
    if (device === link || (status === 0 && !linkName.test(device))) return;
    const own = await run('ip', [`-${family}`, 'route', 'show', serviceCidr, 'dev', link]);
    if (own.status === 0 && own.stdout.trim() !== '') return;
    // Of the other family it may be there already.
    if ((await run('ip', ['link', 'show', link])).status !== 0) await makeIdleLink(link);
    // `append`: the kernel keeps several routes of one range over different links.
    await mustRun('ip', ['route', 'append', serviceCidr, 'dev', link]);
  }
}
