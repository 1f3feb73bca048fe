import type { BenchOptions } from '../bench.ts';
import type { Figure } from '../figures.ts';
import type { DnsSamples, DnsSubject, Questions } from './dns-worker.ts';
import { checkPrograms, inNamespaces } from './namespaced.ts';

const bench = 'network';
const names: Readonly<Record<DnsSubject, string>> = {
  own: 'DNS, 5,000 services, one core',
  dnsmasq: 'dnsmasq, the same names',
};
const wantedShare = 50;

const most = (of: readonly Questions[]): number => Math.max(...of.map(({ perSecond }) => perSecond));

function figuresOf(subject: DnsSubject, of: readonly Questions[]): Figure[] {
  const name = names[subject];
  return [
    { bench, name, unit: '1/s', samples: of.map(({ perSecond }) => perSecond) },
    { bench, name: `${name}, p99 of 32 at a time`, unit: 'ms', samples: of.map(({ p99Ms }) => p99Ms) },
    { bench, name: `${name}, CPU each`, unit: 'µs', samples: of.map(({ serverMicros }) => serverMicros) },
  ];
}

export async function dnsFigures(options: Pick<BenchOptions, 'rounds' | 'note'>): Promise<readonly Figure[]> {
  checkPrograms({ gcc: 'gcc libc6-dev', dnsmasq: 'dnsmasq-base' });
  const samples = await inNamespaces<DnsSamples>('dns', options);
  const share = (most(samples.own) / most(samples.dnsmasq)) * 100;
  const verdict = { wanted: `≥ ${wantedShare} %`, met: share >= wantedShare };
  return [
    ...figuresOf('own', samples.own),
    ...figuresOf('dnsmasq', samples.dnsmasq),
    { bench, name: 'DNS / dnsmasq, questions each second', unit: '%', verdict, samples: [share] },
  ];
}
