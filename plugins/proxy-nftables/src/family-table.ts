import { makeIdleLink, mustRun, run } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { ipOf, type Ip } from './ip.ts';
import { readPresent } from './present.ts';
import { renderChanges, renderTable, type Rendered, type RulesetOptions } from './ruleset.ts';
import { contentOf, type TableContent } from './table-content.ts';

/** Links of this plugin's instances. */
const linkName = /^tn[0-9a-f]{8}$/;

/** A change that is not made yet: `text` is for nft. */
export interface TableChange {
  readonly text: string;
  readonly done: () => void;
  /** nft did not take it. */
  readonly refused: () => void;
}

interface Change extends Rendered {
  /** It writes all anew but what the kernel remembers of clients. */
  readonly keeps: boolean;
}

/** The services of one family: what stands in the kernel of them, and the way there. */
export class FamilyTable {
  readonly #options: RulesetOptions;
  readonly #read: typeof readPresent;
  #written: { readonly content: TableContent; readonly choosers: Rendered['choosers'] } | undefined;
  /** A text that keeps what the kernel remembers of clients was refused: the next does without. */
  #keepsNothing = false;

  constructor(options: RulesetOptions, read: typeof readPresent = readPresent) {
    this.#options = options;
    this.#read = read;
  }

  /** What is to be written for `rules`: by what is new, or all. Until it is done, nothing is taken to stand there. */
  async change(rules: readonly ServicePortRule[]): Promise<TableChange> {
    const content = contentOf(rules, this.#options.family);
    const { text, choosers, keeps } = this.#changes(content) ?? (await this.#whole(content));
    if (text === '') return { text, done: () => undefined, refused: () => undefined };
    this.#written = undefined;
    const done = (): void => {
      this.#written = { content, choosers };
      this.#keepsNothing = false;
    };
    const refused = (): void => {
      this.#keepsNothing = keeps;
    };
    return { text, done, refused };
  }

  async #whole(content: TableContent): Promise<Change> {
    const { table } = this.#options;
    const keeps = content.clientSets.size > 0 && !this.#keepsNothing;
    const present = keeps ? await this.#read(this.ip, table) : undefined;
    return { ...renderTable(content, this.#options, present), keeps };
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

  #changes(content: TableContent): Change | undefined {
    if (this.#written === undefined) return undefined;
    const { content: before, choosers } = this.#written;
    const changes = renderChanges(before, content, choosers, this.#options);
    return changes === undefined ? undefined : { ...changes, keeps: false };
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
