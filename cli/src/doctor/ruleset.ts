/** What counts of `nft -j list ruleset`. Source: libnftables-json(5). */
import { parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';

export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

export interface Rule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr?: readonly Readonly<Record<string, unknown>>[];
}

export interface Ruleset {
  readonly chains: readonly Chain[];
  readonly rules: readonly Rule[];
}

/** Text that is none counts as no rules. */
export function parseRuleset(text: string): Ruleset {
  let list: readonly { readonly chain?: Chain; readonly rule?: Rule }[] = [];
  try {
    ({ nftables: list = [] } = JSON.parse(text) as { nftables?: typeof list });
  } catch {
    // Nothing is known then.
  }
  return {
    chains: list.flatMap(({ chain }) => chain ?? []),
    rules: list.flatMap(({ rule }) => rule ?? []),
  };
}

/** What is turned away, when no rule before let it pass. */
export function turnsAway(chain: Chain, { rules }: Ruleset): boolean {
  if (chain.policy === 'drop') return true;
  const last = rulesOf(chain, rules).at(-1)?.expr ?? [];
  const isForAll = last.every((part) => ['counter', 'reject', 'drop', 'log'].some((word) => word in part));
  return isForAll && last.some((part) => 'reject' in part || 'drop' in part);
}

function rulesOf({ family, table, name }: Chain, rules: readonly Rule[]): readonly Rule[] {
  return rules.filter((rule) => rule.family === family && rule.table === table && rule.chain === name);
}

/** Some rule of the chain's table names addresses of the range: somebody thought of it. */
export function namesRange({ family, table }: Chain, { rules }: Ruleset, range: IpRange): boolean {
  const own = rules.filter((rule) => rule.family === family && rule.table === table);
  return own.some(({ expr = [] }) => !turnsAwayHere(expr) && rangesIn(expr).some((one) => holds(one, range)));
}

function turnsAwayHere(expr: NonNullable<Rule['expr']>): boolean {
  return expr.some((part) => 'drop' in part || 'reject' in part);
}

const holds = (one: IpRange, range: IpRange): boolean =>
  one.family === range.family && one.first <= range.first && one.last >= range.last;

const listOf = (range: IpRange | undefined): IpRange[] => (range === undefined ? [] : [range]);

/** Every range of addresses that stands in an expression, however deep. */
function rangesIn(value: unknown): IpRange[] {
  if (typeof value === 'string') return listOf(value.includes('/') ? undefined : parseIpRange(value));
  if (typeof value !== 'object' || value === null) return [];
  if ('prefix' in value) {
    const { addr, len } = value.prefix as { addr?: string; len?: number };
    return listOf(parseIpRange(`${addr}/${len}`));
  }
  return Object.values(value).flatMap(rangesIn);
}
