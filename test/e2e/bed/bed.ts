/**
 * The bed of e2e tests with several machines, on one host: each machine is a set of namespaces, all are joined by one switch whose
 * connections a test can cut, slow down and heal. See README.md beside this file.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../../../cli/src/cluster/host.ts';
import { Lan, links } from './lan.ts';
import { bedName, removeBed, removeStaleBeds } from './leftovers.ts';
import { Machine } from './machine.ts';
import type { Delay } from './slow-wire.ts';

export interface BedOptions {
  /** Machines `m1`, `m2` … at 10.99.0.11, 10.99.0.12 … Default 0. */
  readonly masters?: number;
  /** Machines `n1`, `n2` … at 10.99.0.101, 10.99.0.102 … Default 0. */
  readonly nodes?: number;
  /** Which of them are on a second link, at 10.98.0.x, with a router between it and the others. */
  readonly far?: readonly string[];
}

const limit = 80;

/** Why there can be no bed here; undefined when there can. */
export const bedMissing: string | undefined = (() => {
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['ip', 'nft', 'nsenter', 'unshare', 'setpriv', 'bash', 'ping'];
  const missing = programs.filter((name) => !hasProgram(name));
  return missing.length === 0 ? undefined : `needs the programs ${missing.join(', ')}`;
})();

export class Bed implements AsyncDisposable {
  /** Of everything on disk. */
  readonly directory: string;
  readonly #machines: ReadonlyMap<string, Machine>;
  readonly #lan: Lan;

  constructor(directory: string, lan: Lan, machines: readonly Machine[]) {
    this.directory = directory;
    this.#lan = lan;
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]));
  }

  /** `m1` …, `n1` … or `client`. */
  machine(name: string): Machine {
    const found = this.#machines.get(name);
    if (found === undefined)
      throw new Error(`there is no machine "${name}"; there are ${[...this.#machines.keys()].join(', ')}`);
    return found;
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** A machine of its own, where users work. */
  get client(): Machine {
    return this.machine('client');
  }

  /** Nothing passes between the two any more; what is sent is lost silently. */
  cut(a: string, b: string): Promise<void> {
    return this.#lan.cut(a, b);
  }

  /** What `from` sends to `to` is lost; the other way is open. */
  cutOneWay(from: string, to: string): Promise<void> {
    return this.#lan.cutOneWay(from, to);
  }

  /** Cuts the machine off from all others, the client included. */
  isolate(machine: string): Promise<void> {
    return this.#lan.isolate(machine);
  }

  /** Delays what the machine sends and what it is sent, each way. */
  slow(machine: string, delay: Delay): Promise<void> {
    return this.#lan.slow(machine, delay);
  }

  /** Loses this share of what the machine sends, and of what it is sent. */
  lossy(machine: string, percent: number): Promise<void> {
    return this.#lan.lossy(machine, percent);
  }

  /** Ends all cuts, losses and delays. Paused machines stay paused. */
  heal(): Promise<void> {
    return this.#lan.heal();
  }

  /** Ends every process on every machine and removes all. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ends = await Promise.allSettled(this.machines.map((machine) => machine.powerOff()));
    await this.#lan.close();
    await removeBed(this.directory);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** Makes a bed; removes what the beds of killed tests left. Dispose of it (`await using`), also when the test fails. */
export async function createBed(options: BedOptions = {}): Promise<Bed> {
  if (bedMissing !== undefined) throw new Error(`no bed: ${bedMissing}`);
  const { masters = 0, nodes = 0, far = [] } = options;
  if (Math.max(masters, nodes) > limit) throw new Error(`a bed has at most ${limit} masters and ${limit} nodes`);
  await removeStaleBeds();
  const name = bedName(randomBytes(3).toString('hex'));
  const directory = join(tmpdir(), name);
  mkdirSync(directory, { mode: 0o700 });
  const lan = await Lan.open(`${name}-lan`, far.length > 0);
  const make = (machine: string, host: number): Machine =>
    new Machine({
      name: machine,
      address: `${(far.includes(machine) ? links.far : links.near).network}.${host}`,
      home: join(directory, machine),
      lan,
      label: `${name}-${machine}`,
    });
  const machines = [
    make('client', 2),
    ...Array.from({ length: masters }, (_, at) => make(`m${at + 1}`, 11 + at)),
    ...Array.from({ length: nodes }, (_, at) => make(`n${at + 1}`, 101 + at)),
  ];
  const bed = new Bed(directory, lan, machines);
  try {
    await Promise.all(machines.map((machine) => machine.powerOn()));
    return bed;
  } catch (error) {
    await bed[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}
