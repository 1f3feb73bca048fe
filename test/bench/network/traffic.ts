/** Requests through services, beside direct ones and beside what others do for services. */
import type { BenchOptions } from '../bench.ts';
import type { Figure } from '../figures.ts';
import { checkPrograms, inNamespaces } from './namespaced.ts';
import { subjects, type Kind, type SubjectName, type TrafficSamples } from './traffic-worker.ts';
import type { Traffic } from './traffic-bed.ts';

const bench = 'network';
const kinds: Readonly<Record<Kind, string>> = { keep: 'requests', new: 'connections' };

/** What another load disturbs least: the best round. */
const most = (of: readonly Traffic[]): number => Math.max(...of.map(({ perSecond }) => perSecond));
const leastP99 = (of: readonly Traffic[]): number => Math.min(...of.map(({ p99Ms }) => p99Ms));
const leastMicros = (of: readonly Traffic[]): number => Math.min(...of.map(({ micros }) => micros));

interface Comparison {
  readonly of: SubjectName;
  readonly to: SubjectName;
  /** % of the other's. */
  readonly atLeast: number;
  readonly kinds: readonly Kind[];
}

const both: readonly Kind[] = ['keep', 'new'];
const comparisons: readonly Comparison[] = [
  { of: 'one', to: 'direct', atLeast: 95, kinds: both },
  { of: 'many', to: 'directMany', atLeast: 95, kinds: both },
  { of: 'many', to: 'one', atLeast: 97, kinds: both },
  { of: 'many', to: 'legacy', atLeast: 100, kinds: ['new'] },
  { of: 'many', to: 'iptnft', atLeast: 100, kinds: ['new'] },
  { of: 'user', to: 'haproxy', atLeast: 60, kinds: both },
];

function comparisonFigures({ traffic }: TrafficSamples): Figure[] {
  return comparisons.flatMap(({ of, to, atLeast, kinds: each }) =>
    each.flatMap((kind) => {
      const [own, other] = [traffic[kind][of], traffic[kind][to]];
      const name = `${kinds[kind]}: ${subjects[of].name} / ${subjects[to].name}`;
      const share = (what: string, value: number): Figure => ({
        bench,
        name: `${name}, ${what}`,
        unit: '%',
        verdict: { wanted: `≥ ${atLeast} %`, met: value >= atLeast },
        samples: [value],
      });
      return [
        share('each second', (most(own) / most(other)) * 100),
        share('for the same CPU time', (leastMicros(other) / leastMicros(own)) * 100),
      ];
    }),
  );
}

function plainFigures({ traffic, loadMs }: TrafficSamples): Figure[] {
  const ofKinds = both.flatMap((kind) =>
    (Object.keys(subjects) as SubjectName[]).flatMap((name): Figure[] => {
      const of = traffic[kind][name];
      const title = `${kinds[kind]}: ${subjects[name].name}`;
      return [
        { bench, name: title, unit: '1/s', samples: of.map(({ perSecond }) => perSecond) },
        { bench, name: `${title}, CPU each`, unit: 'µs', samples: of.map(({ micros }) => micros) },
        { bench, name: `${title}, p99`, unit: 'ms', samples: [leastP99(of)] },
      ];
    }),
  );
  const loads = { many: 'nftables', legacy: 'iptables-legacy', iptnft: 'iptables-nft' };
  const ofLoads = Object.entries(loads).map(([bed, what]): Figure => ({
    bench,
    name: `5,001 services × 3 endpoints into an empty kernel: ${what}`,
    unit: 'ms',
    samples: [loadMs[bed] ?? Number.NaN],
  }));
  return [...ofKinds, ...ofLoads];
}

export async function trafficFigures(options: Pick<BenchOptions, 'rounds' | 'note'>): Promise<readonly Figure[]> {
  checkPrograms({ gcc: 'gcc libc6-dev', nft: 'nftables', 'iptables-restore': 'iptables', haproxy: 'haproxy' });
  const samples = await inNamespaces<TrafficSamples>('traffic', options);
  return [...plainFigures(samples), ...comparisonFigures(samples)];
}
