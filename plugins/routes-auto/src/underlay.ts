/** How this machine reaches the addresses of others: what the kernel would do with a packet to them. */
import { rowsOf, type RunProgram } from './ip.ts';

export interface Way {
  /** On a link that both are on: packets with any address may be sent there. */
  readonly isOnLink: boolean;
  /** The address is this machine's own. */
  readonly isLocal: boolean;
  /** Of the link that packets leave through. */
  readonly mtuBytes: number;
}

interface RouteRow {
  readonly type?: string;
  readonly dst?: string;
  readonly gateway?: string;
  readonly via?: unknown;
  readonly dev?: string;
}

interface LinkRow {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly mtu?: number;
}

/** Addresses that the kernel knows no way to are absent. */
export async function waysTo(run: RunProgram, addresses: readonly string[]): Promise<ReadonlyMap<string, Way>> {
  if (addresses.length === 0) return new Map();
  const lines = addresses.map((address) => `route get ${address}`);
  const { stdout } = await run('ip', ['-j', '-force', '-batch', '-'], `${lines.join('\n')}\n`);
  const links = new Map(
    (await rowsOf<LinkRow>(run, 'ip', ['-j', 'link', 'show'])).map((link) => [link.ifname ?? '', link]),
  );
  const ways = new Map<string, Way>();
  // One list for each address that has a route.
  for (const line of stdout.split('\n').filter((text) => text.startsWith('['))) {
    for (const row of JSON.parse(line) as readonly RouteRow[]) {
      if (row.dst !== undefined) ways.set(row.dst, wayOf(row, links.get(row.dev ?? '')));
    }
  }
  return ways;
}

function wayOf({ type, gateway, via }: RouteRow, link: LinkRow | undefined): Way {
  // Links between two ends, those of private networks above all, have no neighbours.
  const hasNeighbours = link?.flags?.includes('NOARP') !== true && link?.flags?.includes('POINTOPOINT') !== true;
  return {
    isOnLink: gateway === undefined && via === undefined && type === undefined && hasNeighbours,
    isLocal: type === 'local',
    mtuBytes: link?.mtu ?? 1500,
  };
}
