import { mustRun } from '@timonel/sdk/command';
import type { Ip } from './ip.ts';

/** Names of what a table has in the kernel. */
export interface Present {
  readonly sets: readonly string[];
  readonly maps: readonly string[];
  readonly chains: readonly string[];
}

interface Row {
  readonly table: string;
  readonly name: string;
}

/** Nothing where there is no such table. Elements and rules are not read: there may be many. @throws CommandError */
export async function readPresent(ip: Ip, table: string): Promise<Present> {
  const names = async (kind: string): Promise<string[]> => {
    const { nftables } = JSON.parse(await mustRun('nft', ['-j', '-t', 'list', `${kind}s`, ip])) as {
      readonly nftables: readonly Readonly<Record<string, Row | undefined>>[];
    };
    return nftables.flatMap(({ [kind]: row }) => (row?.table === table ? [row.name] : []));
  };
  return { sets: await names('set'), maps: await names('map'), chains: await names('chain') };
}
