import { createHash } from 'node:crypto';
import type { Logger } from '@timonel/sdk';
import { CommandError, failureText, mustRun, run, type KernelTraces } from '@timonel/sdk/command';
import { familyOf } from '@timonel/sdk/contracts/network';
import { serviceProxy, type ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { FamilyTable } from './family-table.ts';
import { ipOf } from './ip.ts';
import { UdpFlows } from './udp-flows.ts';

/** As configured. */
export interface Ranges {
  /** One range, or one of each family with a comma between. */
  readonly serviceCidr: string;
  readonly clusterCidrs: readonly string[];
}

/** What this plugin owns in the kernel, named after its data directory so that clusters on one machine stay apart. */
interface Names {
  readonly table: string;
  /** A link without a wire that carries the route to the service addresses where the machine has no other. */
  readonly link: string;
}

export function namesOf(dataDir: string): Names {
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return { table: `timonel_${id}_svc`, link: `tn${id}` };
}

/** The kernel's tables and the route to the service addresses. Touches nothing but its own table and link. */
export class NftablesDataPlane {
  readonly #names: Names;
  readonly #tables: readonly FamilyTable[];
  readonly #flows: UdpFlows;
  #opened = false;

  constructor(dataDir: string, { serviceCidr, clusterCidrs }: Ranges, log: Logger) {
    this.#names = namesOf(dataDir);
    this.#tables = serviceCidr.split(',').map((range) => {
      const family = familyOf(range);
      const inside = clusterCidrs.filter((each) => familyOf(each) === family);
      return new FamilyTable({ table: this.#names.table, family, serviceCidr: range.trim(), clusterCidrs: inside });
    });
    this.#flows = new UdpFlows(log);
  }

  /** All that it makes. */
  get traces(): KernelTraces {
    const { table, link } = this.#names;
    return { service: serviceProxy.id, tables: this.#tables.map(({ ip }) => `${ip} ${table}`), links: [link] };
  }

  /** @throws CommandError when nft is absent or may not be used */
  async open(): Promise<void> {
    await mustRun('nft', ['list', 'tables', 'ip']);
    await this.#removeUnserved();
    this.#opened = true;
  }

  /** What an earlier run left that served the other family too. */
  async #removeUnserved(): Promise<void> {
    const { table, link } = this.#names;
    for (const family of [4, 6] as const) {
      const ip = ipOf[family];
      if (this.#tables.some((each) => each.ip === ip)) continue;
      // Where the kernel has no IPv6, nothing is there of it.
      const { stdout } = await run('nft', ['list', 'tables', ip]);
      if (!stdout.split('\n').includes(`table ${ip} ${table}`)) continue;
      await mustRun('nft', ['delete', 'table', ip, table]);
      await run('ip', [`-${family}`, 'route', 'flush', 'dev', link, 'proto', 'boot']);
    }
  }

  /**
   * Changes the tables in one transaction, by what is new in `rules`: when it fails, the old rules stay, and the next call writes all anew.
   * Nothing is done when nothing changed.
   */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const isFirst = this.#tables.some((table) => !table.isWritten);
    if (isFirst) for (const table of this.#tables) await table.ensureRoute(this.#names.link);
    const changes = await Promise.all(this.#tables.map((table) => table.change(rules)));
    const text = changes.map((change) => change.text).join('');
    if (text === '') return;
    const result = await run('nft', ['-f', '-'], text);
    if (result.status !== 0) {
      for (const change of changes) change.refused();
      throw new CommandError('nft', failureText('nft', result), result);
    }
    for (const change of changes) change.done();
    this.#flows.follow(rules);
  }

  /** Makes the next {@link apply} write even when nothing changed. */
  forget(): void {
    for (const table of this.#tables) table.forget();
  }

  /** Removes the table and the link. */
  async close(): Promise<void> {
    this.forget();
    await this.#flows.close();
    if (!this.#opened) return;
    // `add` first: deleting a table that is absent is an error.
    const text = this.traces.tables.map((table) => `add table ${table}\ndelete table ${table}\n`).join('');
    await mustRun('nft', ['-f', '-'], text);
    await run('ip', ['link', 'delete', this.#names.link]);
    this.#opened = false;
  }
}
