/** How long nobody can write after the leader has died. */
import { eventually, type StoreGroup } from './store-group.ts';

const everyMs = 5;
const valueBytes = 256;
const keys = 100;
/** Puts that wait for an answer; beyond, a turn is left out. */
const openAtMost = 4_000;
const steadyPuts = 100;

/** A steady trickle of puts, one every few ms whether the former ones were answered or not, and when they were. */
class Trickle {
  readonly #put: (key: string, value: Uint8Array) => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  readonly #value = Buffer.alloc(valueBytes, 'v');
  readonly acknowledgedAt: number[] = [];
  readonly startedAt: number[] = [];
  #sent = 0;
  #open = 0;

  constructor(put: (key: string, value: Uint8Array) => Promise<void>) {
    this.#put = put;
    this.#timer = setInterval(() => this.#next(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A put that fails is not repeated: the next one follows at once anyway. */
  #next(): void {
    if (this.#open >= openAtMost) return;
    this.#open += 1;
    const began = performance.now();
    this.#put(`trickle/${this.#sent++ % keys}`, this.#value)
      .then(
        () => {
          this.acknowledgedAt.push(performance.now());
          this.startedAt.push(began);
        },
        () => undefined,
      )
      .finally(() => {
        this.#open -= 1;
      });
  }
}

/**
 * Kills the leader under a trickle of puts to another member. Resolves, with the longest time in ms without an acknowledged
 * put, when writes go on under a new leader; the killed member runs again then.
 */
export async function failOverGap(group: StoreGroup): Promise<number> {
  const killed = await group.leader();
  const survivor = killed === 0 ? 1 : 0;
  const connection = await group.connect(survivor);
  const trickle = new Trickle((key, value) => connection.put(key, value));
  const { acknowledgedAt, startedAt } = trickle;
  let down = false;
  try {
    await eventually('a steady trickle', async () => acknowledgedAt.length >= steadyPuts || undefined);
    const steady = acknowledgedAt.length - 1;
    await group.kill(killed);
    down = true;
    await eventually('a new leader', async () => {
      const seen = await group.leaderSeenBy(survivor);
      return (seen !== undefined && seen !== killed) || undefined;
    });
    // Puts that began after the election: acknowledgements of older ones may come late or never.
    const elected = performance.now();
    const after = (): number => startedAt.filter((began) => began > elected).length;
    await eventually('writes to go on', async () => after() >= steadyPuts || undefined);
    return longestGap(acknowledgedAt.slice(steady));
  } finally {
    trickle.stop();
    connection.close();
    if (down) await group.restart(killed);
  }
}

function longestGap(times: readonly number[]): number {
  let longest = 0;
  for (const [at, time] of times.entries()) longest = Math.max(longest, time - (times[at - 1] ?? time));
  return longest;
}
