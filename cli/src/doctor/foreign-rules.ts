/** Rules of other programs that keep pods from others and from their node: Docker, ufw, firewalld, somebody's own. */
import { familyRangeTexts, parseFamilyRanges, parseIpRange, type IpFamily } from '@timonel/sdk/contracts/network';
import type { Finding, Ranges } from './finding.ts';
import type { NetworkView } from './network-view.ts';
import { namesRange, parseRuleset, turnsAway, type Chain, type Ruleset } from './ruleset.ts';

/** Those of the cluster itself begin so. */
const ownTable = /^timonel_/;
/** What programs call a family. */
const words = {
  4: { ip: 'ip', iptables: 'iptables', tables: 'ip_tables_names' },
  6: { ip: 'ip6', iptables: 'ip6tables', tables: 'ip6_tables_names' },
} as const satisfies Record<IpFamily, object>;
const familyOfRange = (pods: string): IpFamily => (pods.includes(':') ? 6 : 4);
const hooks = {
  forward: 'packets of pods to each other and to other machines',
  input: 'packets of pods to their node: names, the API',
} as const;

interface Owner {
  readonly name: string;
  readonly fix: (pods: string) => string;
}

const everybody = (chain: Chain): Owner => ({
  name: 'somebody',
  fix: (pods) =>
    `accept the pods there: ${['saddr', 'daddr'].map((field) => `nft insert rule ${chain.family} ${chain.table} ${chain.name} ${words[familyOfRange(pods)].ip} ${field} ${pods} accept`).join('; ')}`,
});

function legacyFix(chain: string, pods: string): string {
  const { iptables } = words[familyOfRange(pods)];
  return `${iptables} -I ${chain} -s ${pods} -j ACCEPT; ${iptables} -I ${chain} -d ${pods} -j ACCEPT`;
}

function ownerOf(chain: Chain, { chains }: Ruleset): Owner {
  const names = chains
    .filter(({ table, family }) => table === chain.table && family === chain.family)
    .map(({ name }) => name);
  if (chain.table === 'firewalld') {
    return {
      name: 'firewalld',
      fix: (pods) => `firewall-cmd --permanent --zone=trusted --add-source=${pods}; firewall-cmd --reload`,
    };
  }
  if (names.some((name) => name.startsWith('ufw-'))) {
    return {
      name: 'ufw',
      fix: (pods) => `ufw allow from ${pods}; ufw route allow from ${pods}; ufw route allow to ${pods}`,
    };
  }
  if (chain.hook === 'forward' && names.includes('DOCKER-USER')) {
    return { name: 'Docker', fix: (pods) => legacyFix('DOCKER-USER', pods) };
  }
  // Tables that iptables-nft makes.
  if (chain.table === 'filter' && /^[A-Z]+$/.test(chain.name)) {
    return { name: 'iptables', fix: (pods) => legacyFix(chain.name, pods) };
  }
  return everybody(chain);
}

function findingOf(chain: Chain, ruleset: Ruleset, pods: string): Finding {
  const hook = chain.hook as keyof typeof hooks;
  const { name, fix } = ownerOf(chain, ruleset);
  return {
    name: `rules of others: ${hook}`,
    ok: false,
    detail: `chain ${chain.name} of table ${chain.family} ${chain.table} (${name}) turns away ${hooks[hook]}`,
    fix: fix(pods),
  };
}

/** `iptables-legacy`, where the kernel has its tables: asking makes them otherwise. */
async function legacyFindings(view: NetworkView, pods: string): Promise<Finding[]> {
  const { iptables, tables } = words[familyOfRange(pods)];
  if (!(await view.proc(tables)).split('\n').includes('filter')) return [];
  const found: Finding[] = [];
  for (const [hook, chain] of [
    ['forward', 'FORWARD'],
    ['input', 'INPUT'],
  ] as const) {
    const text = (await view.output(`${iptables}-legacy`, '-S', chain)) ?? '';
    if (!text.startsWith(`-P ${chain} DROP`) || text.includes(pods)) continue;
    const detail = `chain ${chain} of ${iptables}-legacy turns away ${hooks[hook]}`;
    found.push({
      name: `rules of others: ${hook}`,
      ok: false,
      detail,
      fix: legacyFix(chain, pods).replaceAll(iptables, `${iptables}-legacy`),
    });
  }
  return found;
}

/** `pods`: of one family. */
function findingsOf(ruleset: Ruleset, pods: string): readonly Finding[] {
  const range = parseIpRange(pods);
  if (range === undefined) return [];
  const families: readonly string[] = [words[range.family].ip, 'inet'];
  return ruleset.chains
    .filter(
      ({ family, hook = '', table }) =>
        families.includes(family) && Object.hasOwn(hooks, hook) && !ownTable.test(table),
    )
    .filter((chain) => turnsAway(chain, ruleset) && !namesRange(chain, ruleset, range))
    .map((chain) => findingOf(chain, ruleset, pods));
}

/** One for each chain that is in the way; or that none is. */
export async function foreignRules(view: NetworkView, { pods }: Pick<Ranges, 'pods'>): Promise<readonly Finding[]> {
  const text = await view.output('nft', '-j', 'list', 'ruleset');
  const ranges = parseFamilyRanges(pods);
  if (ranges === undefined || text === undefined) return [];
  const ruleset = parseRuleset(text);
  const all: Finding[] = [];
  for (const one of familyRangeTexts(ranges)) {
    all.push(...findingsOf(ruleset, one), ...(await legacyFindings(view, one)));
  }
  if (all.length > 0) return all;
  return [{ name: 'rules of others', ok: true, detail: `none turns away packets of pods (${pods})`, fix: '' }];
}
