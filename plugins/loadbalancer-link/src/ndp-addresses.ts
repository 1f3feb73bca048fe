/**
 * IPv6: the kernel answers solicitations for an address only on links that have it (RFC 4861, section 7.2.3), other than it does with ARP.
 * An address of the network of one of the machine's links is therefore on that link as well as on the idle one, which tells whose it
 * is: it comes there after the idle link has it, and leaves before. It is deprecated, so that the machine sends nothing of its own from
 * it, and not asked for before (DAD), since the node that had it may not know yet that it lost it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { Turns } from '@timonel/sdk';
import { failureText, mustRun, run } from '@timonel/sdk/command';
import { ipRangesOverlap, parseIpRange } from '@timonel/sdk/contracts/network';

interface Row {
  readonly ifname?: string;
  readonly addr_info?: readonly {
    readonly local?: string;
    readonly prefixlen?: number;
    readonly scope?: string;
    readonly deprecated?: boolean;
  }[];
}

interface Entry {
  readonly link: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly isDeprecated: boolean;
}

/** Each takes some milliseconds; nearly always one is enough. */
const looksLimit = 100;

/** Settings of a link are changed for a while, and put back: by one at a time. */
const renewals = new Turns();

async function readEntries(...more: string[]): Promise<readonly Entry[]> {
  const text = await mustRun('ip', ['-json', '-6', 'address', 'show', ...more]);
  const rows = JSON.parse(text === '' ? '[]' : text) as readonly Row[];
  return rows.flatMap(({ ifname: link = '', addr_info: infos = [] }) =>
    infos.flatMap(({ local: address, prefixlen = 128, scope, deprecated = false }) =>
      address === undefined || !isIPv6(address) || scope !== 'global'
        ? []
        : [{ link, address, prefixLength: prefixlen, isDeprecated: deprecated }],
    ),
  );
}

function ownOf(entries: readonly Entry[], idleLink: string): readonly Entry[] {
  const held = new Set(entries.filter(({ link }) => link === idleLink).map(({ address }) => address));
  return entries.filter(
    ({ link, address, prefixLength, isDeprecated }) =>
      link !== idleLink && prefixLength === 128 && isDeprecated && held.has(address),
  );
}

/** The link of whose network the address is. */
function linkOf(address: string, entries: readonly Entry[], idleLink: string): string | undefined {
  const own = parseIpRange(address);
  return entries.find(({ link, address: base, prefixLength }) => {
    const network = prefixLength === 128 || link === idleLink ? undefined : parseIpRange(`${base}/${prefixLength}`);
    return own !== undefined && network !== undefined && ipRangesOverlap(own, network);
  })?.link;
}

async function batch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
}

const quiet = 'nodad preferred_lft 0';

/** Takes those that are not wanted from the machine's links. To be called while the idle link still has them. @throws Error */
export async function withdraw(idleLink: string, wanted: ReadonlySet<string>): Promise<void> {
  const read = async (): Promise<readonly Entry[]> =>
    ownOf(await readEntries(), idleLink).filter(({ address }) => !wanted.has(address));
  const lines = (await read()).map(({ address, link }) => `address delete ${address}/128 dev ${link}`);
  if (lines.length === 0) return;
  // One that is gone meanwhile must not keep the others: what counts is what is left.
  const result = await run('ip', ['-force', '-batch', '-'], `${lines.join('\n')}\n`);
  if ((await read()).length > 0) throw new Error(failureText('ip address delete', result));
}

/** Puts what the idle link has on the links where machines ask for it. @throws Error */
export async function attend(idleLink: string): Promise<void> {
  const entries = await readEntries();
  // One that is there already may be the machine's own: it stays as it is.
  const elsewhere = new Set(entries.filter(({ link }) => link !== idleLink).map(({ address }) => address));
  const lines = entries
    .filter(({ link, address }) => link === idleLink && !elsewhere.has(address))
    .flatMap(({ address }) => {
      const link = linkOf(address, entries, idleLink);
      return link === undefined ? [] : [`address replace ${address}/128 dev ${link} ${quiet}`];
    });
  await batch(lines);
}

/** Has the kernel advertise these to all on their links, unasked (RFC 4861, section 7.2.6): it does for addresses that come anew. @throws Error */
export async function advertise(idleLink: string, addresses: readonly string[]): Promise<void> {
  const own = ownOf(await readEntries(), idleLink).filter(({ address }) => addresses.includes(address));
  for (const link of new Set(own.map((entry) => entry.link)))
    await renewals.run(link, () =>
      renew(
        link,
        own.filter((entry) => entry.link === link).map(({ address }) => address),
      ),
    );
}

const settingOf = (link: string, name: string): string => `/proc/sys/net/ipv6/conf/${link}/${name}`;

/** The kernel advertises no address that is added as one not to be asked for. So it is added as another, on a link that does not ask. */
async function renew(link: string, addresses: readonly string[]): Promise<void> {
  // With this one it would ask for a second whatever the link's says.
  if ((await readFile(settingOf('all', 'accept_dad'), 'utf8')).trim() !== '0') return;
  const settings = [
    [settingOf(link, 'accept_dad'), '0'],
    [settingOf(link, 'ndisc_notify'), '1'],
  ] as const;
  const before = await Promise.all(settings.map(([path]) => readFile(path, 'utf8')));
  try {
    for (const [path, value] of settings) await writeFile(path, value);
    await batch(
      addresses.flatMap((address) => [
        `address delete ${address}/128 dev ${link}`,
        `address add ${address}/128 dev ${link} preferred_lft 0`,
      ]),
    );
    for (let looks = 0; looks < looksLimit; looks += 1)
      if ((await readEntries('dev', link, 'tentative')).every(({ address }) => !addresses.includes(address))) break;
  } finally {
    for (const [index, [path]] of settings.entries()) await writeFile(path, before[index] ?? '');
    await batch(addresses.map((address) => `address replace ${address}/128 dev ${link} ${quiet}`));
  }
}
