/** Requests through services, beside direct ones and beside what others do for services. */
import type { BenchOptions } from '../bench.ts';
import { median, type Figure } from '../figures.ts';
import { checkPrograms, inNamespaces } from './namespaced.ts';
import { subjects, type Kind, type SubjectName, type TrafficSamples } from './traffic-worker.ts';
import type { Traffic } from './traffic-bed.ts';

const bench = 'network';
const kinds: Readonly<Record<Kind, string>> = { keep: 'requests', new: 'connections' };

interface Comparison {
  readonly of: SubjectName;
  readonly to: SubjectName;
  /** % of the other's. */
  readonly atLeast: number;
  readonly kinds: readonly Kind[];
  /** The slowest of a hundred as well. */
  readonly p99?: true;
}

const both: readonly Kind[] = ['keep', 'new'];
const comparisons: readonly Comparison[] = [
  { of: 'one', to: 'direct', atLeast: 95, kinds: both, p99: true },
  { of: 'many', to: 'directMany', atLeast: 95, kinds: both, p99: true },
  { of: 'many', to: 'one', atLeast: 97, kinds: both },
  { of: 'many', to: 'legacy', atLeast: 100, kinds: ['new'] },
  { of: 'many', to: 'iptnft', atLeast: 100, kinds: ['new'] },
  { of: 'user', to: 'haproxy', atLeast: 60, kinds: both },
];

function comparisonFigures({ traffic }: TrafficSamples): Figure[] {
  return comparisons.flatMap(({ of, to, atLeast, kinds: each, p99 }) =>
    each.flatMap((kind) => {
      const [own, other] = [traffic[kind][of], traffic[kind][to]];
      const name = `${kinds[kind]}: ${subjects[of].name} / ${subjects[to].name}`;
      /** Neighbours are compared; what else the machine did hit one of a pair as often as the other. */
      const share = (what: string, times: (own: Traffic, other: Traffic) => number): Figure => {
        const samples = own.map((each, turn) => times(each, other[turn] ?? each) * 100);
        return {
          bench,
          name: `${name}, ${what}`,
          unit: '%',
          verdict: { wanted: `p50 ≥ ${atLeast} %`, met: median(samples) >= atLeast },
          samples,
        };
      };
      return [
        share('each second', (each, beside) => each.perSecond / beside.perSecond),
        share('for the same CPU time', (each, beside) => beside.micros / each.micros),
        ...(p99 ? [share('p99, the other by its own', (each, beside) => beside.p99Ms / each.p99Ms)] : []),
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
        { bench, name: `${title}, p99`, unit: 'ms', samples: of.map(({ p99Ms }) => p99Ms) },
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
