/** Ends agent and runtime at every step of a pod's start and stop, and says what came of it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import { repaired, type FaultStep, type StepMoment } from '@timonel/testkit/fault-steps';
import { makeRoot } from '../bench/runtime/root-image.ts';
import { bundleNode } from './bundle.ts';
import { Lane, type LaneParts, type Phase } from './lane.ts';
import type { Cut, Victim } from './protocol.ts';
import { startServer, type Server } from './server.ts';

export interface FaultTableOptions {
  /** Nodes that are worked on at the same time. */
  readonly lanes: number;
  readonly kills: readonly { readonly victim: Victim; readonly moment: StepMoment }[];
  /** So many pods run to their end before all is counted once more. */
  readonly manyPods: number;
  /** After each: how many were tried, of how many. */
  onTrial?(done: number, all: number): void;
}

export interface Row extends FaultStep {
  readonly phase: Phase;
}

export interface FaultTable {
  readonly rows: readonly Row[];
  /** Processes of the runtime that were ended in all. */
  readonly endedOfRuntime: number;
  readonly many: Many;
}

export interface Many {
  readonly pods: number;
  /** Files, mounts, control groups, processes, links and addresses that the node had for pods: before, and at most meanwhile. */
  readonly before: number;
  readonly most: number;
  /** `repaired`: the same as before, one by one. */
  readonly outcome: string;
}

interface Trial {
  readonly phase: Phase;
  readonly cut: Cut;
}

/** Of one pod. Absent: that is done in peace. */
interface Pair {
  readonly start: Trial | undefined;
  readonly stop: Trial | undefined;
}

/** Every occurrence of every step. */
function trialsOf(steps: Record<Phase, readonly string[]>, kills: FaultTableOptions['kills']): [Trial[], Trial[]] {
  const of = (phase: Phase): Trial[] =>
    kills.flatMap(({ victim, moment }) =>
      steps[phase].map((step, at) => ({
        phase,
        cut: { step, moment, victim, time: steps[phase].slice(0, at + 1).filter((other) => other === step).length },
      })),
    );
  return [of('start'), of('stop')];
}

const notReached = 'not reached';
const podsAtOnce = 50;
/** Lives of pods that are looked at before anything is ended. What happens in some of them only (how often a status is written) is no step. */
const livesALane = 2;

/** Those of every life, as often as in that with the fewest. */
async function steadySteps(bench: Bench, lanes: readonly Lane[]): Promise<Record<Phase, readonly string[]>> {
  const lives: Record<Phase, readonly string[]>[] = [];
  for (let life = 0; life < livesALane; life += 1) {
    lives.push(...(await Promise.all(lanes.map((lane) => lane.steps(bench.newPod())))));
  }
  const often = (steps: readonly string[], step: string): number => steps.filter((other) => other === step).length;
  const steady = (phase: Phase): string[] => {
    const distinct = [...new Set(lives[0]?.[phase] ?? [])];
    return distinct.flatMap((step) =>
      Array.from({ length: Math.min(...lives.map((life) => often(life[phase], step))) }, () => step),
    );
  };
  return { start: steady('start'), stop: steady('stop') };
}

const moments: Record<StepMoment, string> = { before: 'before it', during: 'during it', after: 'after it' };

function rowsOf(outcomes: ReadonlyMap<string, { row: Row; failures: Set<string> }>): Row[] {
  return [...outcomes.values()].map(({ row, failures }) => ({
    ...row,
    outcome: failures.size === 0 ? repaired : [...failures].join('; '),
  }));
}

class Tried {
  readonly #outcomes = new Map<string, { row: Row; failures: Set<string> }>();

  note({ phase, cut }: Trial, failure: string | undefined): void {
    const killed = `the ${cut.victim}, ${moments[cut.moment]}`;
    const key = [phase, cut.step, killed].join('\0');
    const known = this.#outcomes.get(key) ?? {
      row: { phase, step: cut.step, killed, outcome: '' },
      failures: new Set(),
    };
    if (failure !== undefined) known.failures.add(failure);
    this.#outcomes.set(key, known);
  }

  /** In the order of the steps. */
  rows(steps: Record<Phase, readonly string[]>): Row[] {
    const place = ({ phase, step }: Row): number => steps[phase].indexOf(step);
    return rowsOf(this.#outcomes).toSorted((one, other) => place(one) - place(other));
  }
}

/** Undefined: all is as it should be. `not reached`: there was nothing to see. */
async function failureOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return (error as Error).name === 'NotReached' ? notReached : errorMessage(error);
  }
}

class Bench {
  endedOfRuntime = 0;
  readonly #parts: LaneParts;
  readonly #directory: string;
  readonly #open = new Set<Lane>();
  #lanes = 0;
  #pods = 0;

  constructor(server: Server, program: string, directory: string) {
    this.#directory = directory;
    this.#parts = { server, program, root: join(directory, 'root') };
    makeRoot(this.#parts.root);
  }

  newPod(): string {
    return `p${++this.#pods}`;
  }

  async lane(): Promise<Lane> {
    const number = ++this.#lanes;
    const lane = new Lane(this.#parts, join(this.#directory, String(number)), number);
    this.#open.add(lane);
    await lane.open();
    return lane;
  }

  async close(lane: Lane): Promise<void> {
    this.endedOfRuntime += lane.endedOfRuntime;
    await lane.close();
    this.#open.delete(lane);
  }

  /** Of those that are not closed, whatever the reason, nothing is left. */
  async clear(): Promise<void> {
    await Promise.all([...this.#open].map((lane) => lane.clear()));
  }
}

async function work(bench: Bench, first: Lane, next: () => Pair | undefined, tried: Tried): Promise<void> {
  let lane = first;
  for (let pair = next(); pair !== undefined; pair = next()) {
    if (await tryBoth(lane, bench.newPod(), pair, tried)) continue;
    // The next trial must not suffer from this one.
    await bench.close(lane).catch(() => undefined);
    lane = await bench.lane();
  }
  await bench.close(lane);
}

/** A start and a stop of one pod. False: something was wrong. */
async function tryBoth(lane: Lane, pod: string, { start, stop }: Pair, tried: Tried): Promise<boolean> {
  let isFine = true;
  const attempt = async (trial: Trial | undefined, run: () => Promise<void>): Promise<void> => {
    const failure = await failureOf(run);
    if (failure === notReached) return;
    isFine &&= failure === undefined;
    if (trial !== undefined) tried.note(trial, failure);
  };
  await attempt(start, () => (start === undefined ? lane.make(pod) : lane.cutStart(pod, start.cut)));
  await attempt(stop, () => (stop === undefined ? lane.remove(pod) : lane.cutStop(pod, stop.cut)));
  return isFine;
}

async function many(bench: Bench, count: number): Promise<Many> {
  const lane = await bench.lane();
  const before = lane.held;
  let most = 0;
  const failure = await failureOf(async () => {
    most = await lane.many(count, podsAtOnce);
  });
  // What is not closed is cleared at the end: the outcome says why.
  await bench.close(lane).catch(() => undefined);
  return { pods: count, before, most, outcome: failure ?? repaired };
}

export async function faultTable(options: FaultTableOptions): Promise<FaultTable> {
  if (!existsSync('/bin/busybox')) throw new Error('busybox is missing: apt-get install busybox-static');
  const { lanes, kills, manyPods } = options;
  const directory = mkdtempSync(join(tmpdir(), 'timonel-reliability-'));
  const [server, program] = await Promise.all([startServer(), bundleNode()]);
  const tried = new Tried();
  const bench = new Bench(server, program.file, directory);
  try {
    const all = await Promise.all(Array.from({ length: lanes }, () => bench.lane()));
    const steps = await steadySteps(bench, all);
    const [starts, stops] = trialsOf(steps, kills);
    const count = starts.length + stops.length;
    const next = (): Pair | undefined => {
      options.onTrial?.(count - starts.length - stops.length, count);
      if (starts.length + stops.length === 0) return undefined;
      return { start: starts.shift(), stop: stops.shift() };
    };
    await Promise.all(all.map((lane) => work(bench, lane, next, tried)));
    return { rows: tried.rows(steps), endedOfRuntime: bench.endedOfRuntime, many: await many(bench, manyPods) };
  } finally {
    await bench.clear();
    program.remove();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
