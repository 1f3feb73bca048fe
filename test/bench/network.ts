/** The network between pods: what services cost, how soon they are true, names, links. Each part beside what others do. */
import type { Bench, BenchOptions } from './bench.ts';
import type { Figure } from './figures.ts';
import { attachFigures } from './network/attach.ts';
import { dnsFigures } from './network/dns.ts';
import { syncFigures } from './network/sync.ts';
import { trafficFigures } from './network/traffic.ts';

const bench = 'network';

type Part = (options: Pick<BenchOptions, 'rounds' | 'note'>) => Promise<readonly Figure[]>;
/** A pod's network comes and goes in no time: more rounds. */
const attachRounds = 4;
const parts: Readonly<Record<string, Part>> = {
  traffic: trafficFigures,
  sync: syncFigures,
  dns: dnsFigures,
  attach: ({ rounds, note }) => attachFigures(bench, { rounds: rounds * attachRounds, note }),
};

export const network: Bench = {
  name: bench,
  description:
    'services beside direct access, iptables and haproxy; how soon they are true; DNS beside dnsmasq; links of pods',
  needsRoot: true,
  defaultRounds: 5,
  rows: Object.keys(parts),
  async run(options) {
    const figures: Figure[] = [];
    for (const [name, part] of Object.entries(parts))
      if (options.only?.includes(name) ?? true) figures.push(...(await part(options)));
    return figures;
  },
};
