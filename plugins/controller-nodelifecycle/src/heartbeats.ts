/**
 * When each node showed a sign of life, by the clock of this process: a new lease, a new heartbeat in its status. What the node
 * wrote as the time does not count, so that clocks may differ; nor does what happened before this process saw the node.
 */
import type { Clock } from '@timonel/sdk';
import { findCondition } from '@timonel/sdk/controller';
import type { Lease, Node } from '@timonel/sdk/kube';

interface Signs {
  /** Undefined: there is a lease, but no such node. */
  uid: string | undefined;
  heartbeat: string | undefined;
  /** Status of its Ready condition. */
  reported: string | undefined;
  renewed: string | undefined;
  /** How long the lease holds by itself. */
  leaseMs: number;
  atMs: number;
}

export class Heartbeats {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #signs = new Map<string, Signs>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  nodeSeen({ metadata, status }: Node): void {
    const signs = this.#of(metadata.name ?? '');
    const ready = findCondition(status?.conditions, 'Ready');
    const { status: reported, lastHeartbeatTime: heartbeat } = ready ?? {};
    const isOther = heartbeat !== signs.heartbeat || reported !== signs.reported;
    // Unknown is written by the controller of nodes, not by the node.
    const spoke = isOther && reported !== 'Unknown';
    if (spoke || signs.uid !== metadata.uid) signs.atMs = this.#clock.monotonic();
    Object.assign(signs, { uid: metadata.uid, heartbeat, reported });
  }

  leaseSeen({ metadata, spec }: Lease): void {
    const signs = this.#of(metadata.name ?? '');
    if (signs.renewed !== spec?.renewTime) signs.atMs = this.#clock.monotonic();
    signs.renewed = spec?.renewTime;
    signs.leaseMs = (spec?.leaseDurationSeconds ?? 0) * 1000;
  }

  leaseGone({ metadata }: Lease): void {
    const { name = '' } = metadata;
    const signs = this.#signs.get(name);
    if (signs?.uid === undefined) this.#signs.delete(name);
    else signs.leaseMs = 0;
  }

  /** Nodes that are known. */
  get size(): number {
    return this.#signs.size;
  }

  forget(name: string): void {
    this.#signs.delete(name);
  }

  /** Since the last sign of life, as far as this process could have seen one: since `contactMs` on the monotonic clock. */
  silentMs(name: string, contactMs: number): number {
    const nowMs = this.#clock.monotonic();
    return nowMs - Math.max(this.#signs.get(name)?.atMs ?? nowMs, contactMs);
  }

  /** A lease that was given for longer holds for longer. */
  leaseMs(name: string): number {
    return this.#signs.get(name)?.leaseMs ?? 0;
  }

  #of(name: string): Signs {
    const found = this.#signs.get(name);
    if (found !== undefined) return found;
    const signs: Signs = {
      uid: undefined,
      heartbeat: undefined,
      reported: undefined,
      renewed: undefined,
      leaseMs: 0,
      atMs: this.#clock.monotonic(),
    };
    this.#signs.set(name, signs);
    return signs;
  }
}
