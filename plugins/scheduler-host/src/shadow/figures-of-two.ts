/** What two schedulers did on the same pods and snapshots. */
import type { Env } from '@timonel/sdk';
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type {
  Agreement,
  DecisionTimes,
  PlacementDifference,
  ShadowFigures,
} from '@timonel/sdk/contracts/scheduler-shadow';
import type { ObservedBatch } from './backlog.ts';
import type { Answer } from './candidate.ts';
import { ShapesOfTwo } from './cluster-shapes.ts';
import { AgreementCount, summaryOf, verdictOn, whyDifferent } from './comparison.ts';
import { PendingTimesOfTwo } from './pending-times.ts';
import { RecentValues } from './recent-values.ts';

/** Counts of one of the two. */
class Tally {
  readonly #batchMs = new RecentValues();
  readonly #podMs = new RecentValues();
  readonly counts: { bound: number; unschedulable: number; errors: number; preemptions: number; victims: number } = {
    bound: 0,
    unschedulable: 0,
    errors: 0,
    preemptions: 0,
    victims: 0,
  };

  decided(decision: Decision): void {
    const { counts } = this;
    if (decision.outcome === 'bind') counts.bound += 1;
    else if (decision.outcome === 'unschedulable') counts.unschedulable += 1;
    else if (decision.outcome === 'error') counts.errors += 1;
    else {
      counts.preemptions += 1;
      counts.victims += decision.victims.length;
    }
  }

  took(ms: number, pods: number): void {
    this.#batchMs.add(ms);
    this.#podMs.add(ms / pods);
  }

  get times(): DecisionTimes {
    const [p50Ms = 0, p99Ms = 0] = this.#batchMs.quantiles(0.5, 0.99);
    const [perPodP50Ms = 0, perPodP99Ms = 0] = this.#podMs.quantiles(0.5, 0.99);
    return { p50Ms, p99Ms, perPodP50Ms, perPodP99Ms };
  }
}

/** A decision of each of the two about one pod. */
interface Pair {
  readonly pod: PodInfo;
  readonly live: Decision;
  readonly candidate: Decision;
}

export class FiguresOfTwo {
  readonly #clock: Env['clock'];
  readonly #differenceLimit: number;
  readonly #agreement = new AgreementCount();
  readonly #live = new Tally();
  readonly #candidate = new Tally();
  readonly #pending = new PendingTimesOfTwo();
  readonly #shapes = new ShapesOfTwo();
  readonly #differences: PlacementDifference[] = [];

  constructor(clock: Env['clock'], differenceLimit: number) {
    this.#clock = clock;
    this.#differenceLimit = differenceLimit;
  }

  /** `live`: of the same pods as `pods`. */
  add(
    batch: ObservedBatch,
    pods: readonly PodInfo[],
    live: readonly Decision[],
    answer: Answer,
    snapshot: SchedulerSnapshot,
  ): void {
    const pairs = pairsOf(pods, live, answer);
    if (pairs.length === 0) return;
    this.#live.took(batch.liveMs, batch.pods.length);
    this.#candidate.took(answer.ms, pods.length);
    for (const pair of pairs) {
      this.#live.decided(pair.live);
      this.#candidate.decided(pair.candidate);
      this.#pending.decided(
        pair.pod.uid,
        batch.atMs,
        pair.live.outcome === 'bind' ? batch.atMs + batch.liveMs : undefined,
        pair.candidate.outcome === 'bind' ? batch.atMs + answer.ms : undefined,
      );
      this.#compare(pair);
    }
    this.#shapes.add(
      pairs.map(({ pod }) => pod),
      snapshot,
      { live: pairs.map((pair) => pair.live), candidate: pairs.map((pair) => pair.candidate) },
    );
  }

  /** The pod is gone, or was decided about without the candidate. */
  forget(uid: string): void {
    this.#pending.forget(uid);
  }

  get agreement(): Agreement {
    return this.#agreement.figures;
  }

  /** The last ones first. */
  get differences(): readonly PlacementDifference[] {
    return this.#differences.toReversed();
  }

  of(live: string, candidate: string): { readonly live: ShadowFigures; readonly candidate: ShadowFigures } {
    const { figures } = this.#pending;
    const { shapes } = this.#shapes;
    const side = (scheduler: string, tally: Tally, which: 'live' | 'candidate'): ShadowFigures => ({
      scheduler,
      ...tally.counts,
      decisionTimes: tally.times,
      pending: figures[which],
      shape: shapes[which],
    });
    return { live: side(live, this.#live, 'live'), candidate: side(candidate, this.#candidate, 'candidate') };
  }

  #compare({ pod: { namespace, name }, live, candidate }: Pair): void {
    const verdict = verdictOn(live, candidate);
    this.#agreement.add(verdict);
    if (verdict === 'same' || verdict === 'tied') return;
    this.#differences.push({
      namespace,
      name,
      at: this.#clock.timestamp(),
      live: summaryOf(live),
      candidate: summaryOf(candidate),
      why: whyDifferent(live, candidate).slice(0, 1000),
    });
    if (this.#differences.length > this.#differenceLimit) this.#differences.shift();
  }
}

function pairsOf(pods: readonly PodInfo[], live: readonly Decision[], { decisions }: Answer): Pair[] {
  return pods.flatMap((pod, at) => {
    const [theirs, own] = [live[at], decisions[at]];
    return theirs === undefined || own === undefined ? [] : [{ pod, live: theirs, candidate: own }];
  });
}
