/** Classifies requests by the flow schemas, and has them wait in their priority levels. */
import type { Env } from '@timonel/sdk';
import type { AccessAttributes, Entrance, GatedRequest, RequestGate } from '@timonel/sdk/contracts/api-server';
import type { FlowSchema, PriorityLevelConfiguration } from '@timonel/sdk/kube';
import { PriorityLevel, type LevelHost } from './level/priority-level.ts';
import { limitsOf, mayTake } from './level/seats.ts';
import { distinguisher, inOrder, matches } from './schema/matching.ts';
import { Turns, type TurnsOptions } from './turns.ts';

export interface GateOptions {
  readonly env: Pick<Env, 'timers' | 'clock'>;
  /** See {@link Turns}. */
  readonly nextTurn: TurnsOptions['nextTurn'];
  /** Of the server. */
  readonly seats: number;
  readonly waitMs: number;
  readonly rejected: LevelHost['rejected'];
  readonly dispatched: LevelHost['dispatched'];
}

interface KnownSchema {
  readonly schema: FlowSchema;
  readonly level: PriorityLevel;
  readonly headers: Entrance['headers'];
}

/** Work that is begun in one turn of the event loop. */
const turnBudgetMs = 2;
const pass: Entrance = Object.freeze({ headers: [], admitted: undefined });

export class Gate implements RequestGate {
  readonly #options: GateOptions;
  readonly #levels = new Map<string, PriorityLevel>();
  #schemas: readonly KnownSchema[] = [];
  readonly #host: LevelHost;
  readonly #turns: Turns;
  /** What each level was given for its share: whoever has got least is next. */
  readonly #given = new WeakMap<PriorityLevel, number>();

  constructor(options: GateOptions) {
    this.#options = options;
    const { env, nextTurn, waitMs, seats, rejected, dispatched } = options;
    this.#turns = new Turns({
      now: () => env.clock.monotonic(),
      nextTurn,
      budgetMs: turnBudgetMs,
      serve: () => this.#serve(),
    });
    this.#host = {
      timers: env.timers,
      waitMs,
      maySeat: (level, width) => mayTake(level, width, this.#levels.values(), seats),
      hasTime: () => this.#turns.hasTime(),
      changed: () => {
        if (this.#waits()) this.#turns.wake();
      },
      rejected,
      dispatched,
    };
  }

  /** What is in force from now on. Schemas of levels that are not there are no schemas. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const { seats } = this.#options;
    const sharesOf = ({ spec }: PriorityLevelConfiguration): number =>
      (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? 0;
    const shares = levels.reduce((sum, level) => sum + sharesOf(level), 0);
    const uids = new Map<string, string>();
    for (const configuration of levels) {
      const { name = '', uid = '' } = configuration.metadata;
      uids.set(name, uid);
      const limits = limitsOf(configuration, seats, shares);
      const known = this.#levels.get(name);
      if (known === undefined) this.#levels.set(name, new PriorityLevel(this.#host, configuration, limits));
      else known.configure(configuration, limits);
    }
    for (const [name, level] of this.#levels) {
      if (uids.has(name)) continue;
      this.#levels.delete(name);
      level.close();
    }
    this.#schemas = inOrder(schemas).flatMap((schema) => this.#known(schema, uids));
    this.#host.changed();
  }

  enter({ attributes, isLongRunning, width, isGone }: GatedRequest): Entrance {
    const found = this.#find(attributes);
    if (found === undefined) return pass;
    const { schema, level, headers } = found;
    if (isLongRunning) return { headers, admitted: undefined };
    const flow = `${schema.metadata.name}/${distinguisher(schema, attributes)}`;
    return { headers, admitted: level.enter({ flow, width, isGone }) };
  }

  levels(): readonly PriorityLevel[] {
    return [...this.#levels.values()];
  }

  /** Everybody who waits comes in. */
  close(): void {
    this.configure([], []);
  }

  #known(schema: FlowSchema, uids: ReadonlyMap<string, string>): readonly KnownSchema[] {
    const { name } = schema.spec.priorityLevelConfiguration;
    const level = this.#levels.get(name);
    if (level === undefined) return [];
    const headers = [
      ['X-Kubernetes-PF-FlowSchema-UID', schema.metadata.uid ?? ''],
      ['X-Kubernetes-PF-PriorityLevel-UID', uids.get(name) ?? ''],
    ] as const;
    return [{ schema, level, headers }];
  }

  #waits(): boolean {
    return this.levels().some(({ waiting }) => waiting > 0);
  }

  /** One request of one level. False: nobody could be let in. */
  #serve(): boolean {
    const waiting = this.levels().filter((level) => level.waiting > 0);
    const given = (level: PriorityLevel): number => this.#given.get(level) ?? 0;
    const byTurn = waiting.toSorted((a, b) => given(a) - given(b));
    // Who did not wait has saved nothing up.
    const least = Math.min(...byTurn.map(given));
    for (const level of byTurn) {
      const width = level.admitNext();
      if (width === undefined) continue;
      this.#given.set(level, given(level) + width / Math.max(1, level.limits.nominal));
      for (const other of this.#levels.values()) if (given(other) < least) this.#given.set(other, least);
      return true;
    }
    return false;
  }

  #find(attributes: AccessAttributes): KnownSchema | undefined {
    for (const known of this.#schemas) if (matches(known.schema, attributes)) return known;
    return undefined;
  }
}
