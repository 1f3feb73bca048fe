/** One run of a scenario under given faults, and what came of it. */
import { until } from '@timonel/testkit';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { FaultBed, Controllers } from './bed.ts';
import { faultyApi, type ConnectionFaults, type FaultyApi } from './faulty-api.ts';
import type { Life, Tally } from './scenario.ts';

export interface Faults extends ConnectionFaults {
  /**
   * The controllers restart, after the crash, against an API server that was frozen half-way to it: its caches show the past. It
   * thaws after a while, and freezes again in the midst of what the controllers do next.
   */
  readonly restartInThePast?: boolean;
}

export interface Outcome {
  readonly tallies: Readonly<Record<string, Tally>>;
  /** Objects of the counted types, as `resource/name`. */
  readonly left: readonly string[];
  readonly remembered: Readonly<Record<string, unknown>>;
}

export interface Run {
  readonly outcome: Outcome;
  readonly crashed: boolean;
  readonly writes: number;
  /** Writes, or attempts, while there was nothing to do. */
  readonly restless: number;
}

const frozenMs = 60;
const stillChecks = 8;
const checkMs = 5;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The controllers' process and its connection, which crash once at most. */
class Process {
  readonly #bed: FaultBed;
  readonly #faults: Faults;
  #connection: FaultyApi;
  #controllers: Controllers | undefined;
  #restarted: Promise<void> | undefined;
  #freezes = 0;

  constructor(bed: FaultBed, faults: Faults) {
    this.#bed = bed;
    this.#faults = faults;
    this.#connection = faultyApi(bed.cluster.api, faults, () => void this.#wrote().catch(() => undefined));
  }

  get connection(): FaultyApi {
    return this.#connection;
  }

  async start(): Promise<void> {
    if (this.#faults.restartInThePast === true) await this.#bed.otherServer();
    this.#controllers = await this.#bed.startControllers(this.#connection.client);
  }

  /** Begins the restart when it is due; it is awaited by `settled`. */
  look(): void {
    if (this.#connection.crashed() && this.#controllers !== undefined) this.#restarted ??= this.#restart();
  }

  idle(): boolean {
    return this.#controllers?.idle() === true;
  }

  async settled(): Promise<void> {
    this.look();
    await this.#restarted;
  }

  async stop(): Promise<void> {
    await this.#restarted;
    await this.#controllers?.stop();
    if (this.#faults.restartInThePast === true) (await this.#bed.otherServer()).store.resumeWatches();
  }

  async #restart(): Promise<void> {
    await this.#controllers?.stop();
    if (this.#faults.restartInThePast !== true) {
      this.#controllers = await this.#bed.startControllers(this.#bed.cluster.api);
      return;
    }
    const { api, store } = await this.#bed.otherServer();
    const started = this.#bed.startControllers(this.#freezing(api));
    await pause(frozenMs);
    store.resumeWatches();
    this.#controllers = await started;
  }

  /** Half-way to the crash the other server stops hearing of changes. */
  async #wrote(): Promise<void> {
    const { restartInThePast = false, crashAfterWrites = 0 } = this.#faults;
    if (!restartInThePast || this.#connection.writes() !== Math.ceil(crashAfterWrites / 2)) return;
    (await this.#bed.otherServer()).store.stallWatches();
  }

  /** The second and the fourth write find the server frozen for a while. */
  #freezing(api: ApiClient): ApiClient {
    return faultyApi(api, {}, () => {
      this.#freezes += 1;
      if (this.#freezes === 2 || this.#freezes === 4) void this.#freeze();
    }).client;
  }

  async #freeze(): Promise<void> {
    const { store } = await this.#bed.otherServer();
    store.stallWatches();
    await pause(frozenMs);
    store.resumeWatches();
  }
}

let serial = 0;

/** Runs the scenario's life once. Its objects lie in a namespace of their own. */
export async function run(bed: FaultBed, faults: Faults, checkRest: boolean = false): Promise<Run> {
  const { scenario, cluster, clock } = bed;
  const namespace = await cluster.namespace(`${scenario.name}-${(serial += 1)}`);
  const recorded = scenario.counted.map((type) => ({ type, events: cluster.record(type) }));
  const belongs = scenario.belongs ?? (({ metadata }, own) => metadata.namespace === own);
  const process = new Process(bed, faults);
  const remembered: Record<string, unknown> = {};
  let restless = 0;
  const still = async (): Promise<void> => {
    let checks = 0;
    let before = -1;
    const wanted = stillChecks + Math.ceil((2 * (faults.watchDelayMs ?? 0)) / checkMs);
    const check = async (): Promise<boolean> => {
      const revision = await bed.revision();
      checks = process.idle() && revision === before ? checks + 1 : 0;
      before = revision;
      return checks >= wanted;
    };
    await until(check, { what: 'everything to come to rest', intervalMs: checkMs });
  };
  const life: Life = {
    api: cluster.api,
    namespace,
    kubelet: cluster.kubelet,
    nodes: cluster.nodes,
    clock,
    async reached(what, condition) {
      const check = (): Promise<boolean> => {
        process.look();
        return condition();
      };
      await until(check, { what: `${what}, with ${JSON.stringify(faults)}`, intervalMs: 3 });
    },
    async rests() {
      if (!checkRest) return;
      await still();
      const before = process.connection.attempts();
      await clock.advance(scenario.restMs ?? 600_000);
      await still();
      restless += process.connection.attempts() - before;
    },
    remember: (what, value) => (remembered[what] = value),
  };
  try {
    await process.start();
    await scenario.life(life);
    await process.settled();
    await still();
  } finally {
    await process.stop();
  }
  const own = recorded.map(({ type, events }) => ({
    type,
    events: events.filter((event) => event.type !== 'BOOKMARK' && belongs(event.object, namespace)),
  }));
  const count = (index: number, type: string): number =>
    own[index]?.events.filter((event) => event.type === type).length ?? 0;
  const tallies = Object.fromEntries(
    own.map(({ type }, index) => [type.resource, { made: count(index, 'ADDED'), deleted: count(index, 'DELETED') }]),
  );
  const left: string[] = [];
  for (const { type } of own) {
    for (const object of (await cluster.api.list(type)).items) {
      if (belongs(object, namespace)) left.push(`${type.resource}/${object.metadata.name}`);
    }
  }
  const { connection } = process;
  return {
    outcome: { tallies, left, remembered },
    crashed: connection.crashed(),
    writes: connection.writes(),
    restless,
  };
}
