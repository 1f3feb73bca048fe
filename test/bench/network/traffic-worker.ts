/** Requests through services and beside them, in turns, so that what else the machine does hits all alike. */
import { answering, asked, podPort, servicePort } from './bench-services.ts';
import { compileLoad, type Load } from './load-program.ts';
import { TrafficBed, type Traffic } from './traffic-bed.ts';
import type { DataPlane } from './data-plane.ts';

export const manyServices = 5000;

interface Subject {
  readonly name: string;
  readonly bed: string;
  readonly to: 'pod' | 'service';
}

/** What is loaded in each bed, beside the service that is asked. */
const beds: Readonly<Record<string, { readonly what: DataPlane; readonly others: number } | undefined>> = {
  bare: undefined,
  one: { what: 'nftables', others: 0 },
  many: { what: 'nftables', others: manyServices },
  legacy: { what: 'iptables-legacy', others: manyServices },
  iptnft: { what: 'iptables-nft', others: manyServices },
  user: { what: 'userspace', others: 0 },
  haproxy: { what: 'haproxy', others: 0 },
};

export const subjects = {
  bare: { name: 'pod, on a node without any rules', bed: 'bare', to: 'pod' },
  direct: { name: 'pod', bed: 'one', to: 'pod' },
  one: { name: 'ClusterIP, nftables', bed: 'one', to: 'service' },
  directMany: { name: 'pod, 5,000 services beside it', bed: 'many', to: 'pod' },
  many: { name: 'ClusterIP, nftables, 5,000 others', bed: 'many', to: 'service' },
  legacy: { name: 'ClusterIP, iptables-legacy, 5,000 others', bed: 'legacy', to: 'service' },
  iptnft: { name: 'ClusterIP, iptables-nft, 5,000 others', bed: 'iptnft', to: 'service' },
  user: { name: 'ClusterIP, userspace', bed: 'user', to: 'service' },
  haproxy: { name: 'haproxy TCP, one thread', bed: 'haproxy', to: 'service' },
} as const satisfies Readonly<Record<string, Subject>>;
export type SubjectName = keyof typeof subjects;

/** Short, so that neighbours meet the same machine. */
const kinds = { keep: { clients: 32, count: 10_000 }, new: { clients: 32, count: 2000 } } as const;
export type Kind = keyof typeof kinds;

/** Of each round; each asks all subjects, forwards and backwards by turns: what is first has no advantage. */
const turns = 12;

export interface TrafficSamples {
  /** One of each turn: those at the same index are of the same few seconds. */
  readonly traffic: Readonly<Record<Kind, Readonly<Record<SubjectName, readonly Traffic[]>>>>;
  /** ms until the services of a bed were true, by its name. */
  readonly loadMs: Readonly<Record<string, number>>;
}

export async function work(directory: string, rounds: number): Promise<TrafficSamples> {
  const program = await compileLoad(directory);
  const open = new Map<string, TrafficBed>();
  const loadMs: Record<string, number> = {};
  for (const [name, plane] of Object.entries(beds)) {
    const bed = await TrafficBed.open(name, program);
    open.set(name, bed);
    if (plane !== undefined) loadMs[name] = await bed.serve(plane.what, directory, plane.others);
  }
  const names = Object.keys(subjects) as SubjectName[];
  const none = (): Record<SubjectName, Traffic[]> =>
    Object.fromEntries(names.map((name) => [name, [] as Traffic[]])) as Record<SubjectName, Traffic[]>;
  const traffic = { keep: none(), new: none() };
  const ask = (kind: Kind, name: SubjectName): Promise<Traffic> | undefined => {
    const { bed, to } = subjects[name];
    const end =
      to === 'pod' ? { address: answering[0] ?? '', port: podPort } : { address: asked.address, port: servicePort };
    return open.get(bed)?.load({ kind, ...end, ...kinds[kind] } satisfies Load);
  };
  for (const kind of Object.keys(kinds) as Kind[]) for (const name of names) await ask(kind, name);
  for (let turn = 0; turn < rounds * turns; turn += 1) {
    const order = turn % 2 === 0 ? names : names.toReversed();
    for (const kind of Object.keys(kinds) as Kind[]) {
      for (const name of order) {
        const result = await ask(kind, name);
        if (result !== undefined) traffic[kind][name].push(result);
      }
    }
    if ((turn + 1) % turns === 0) console.error(`traffic: round ${(turn + 1) / turns} of ${rounds}`);
  }
  return { traffic, loadMs };
}
