/**
 * How many nodes of each zone are ready, and whose turn it is to lose its pods. When much of a zone is not ready, the fault is more
 * likely in the network than in the nodes: taints come slowly then, or not at all.
 */
import type { Clock } from '@timonel/sdk';
import { findCondition, jsonEqual, timestampMs } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';
import type { NodeLifecycleConfig } from './config.ts';
import { evictingTaint, isReady, lostTaint } from './taints.ts';

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

export interface ZoneView {
  /** Empty: nodes without labels of a zone. */
  readonly zone: string;
  readonly state: ZoneState;
  /** Those that count. */
  readonly nodes: number;
  readonly ready: number;
  /** Not one node of the cluster that counts is ready. */
  readonly everywhere: boolean;
}

export interface Turn extends ZoneView {
  /** Whether the node may get a taint now. */
  readonly now: boolean;
  /** When to ask again, if nothing changes. Undefined: not before something does. */
  readonly waitMs: number | undefined;
}

interface Facts {
  readonly zone: string;
  /** For the state of the zone: it has reported, and does not ask to be left out. */
  readonly counts: boolean;
  readonly ready: boolean;
  /** Not ready, but without the taint. */
  readonly waits: boolean;
  readonly tainted: boolean;
  /** RFC 3339. */
  readonly since: string;
}

interface Zone {
  readonly nodes: Map<string, Facts>;
  counted: number;
  /** Of those that count. */
  ready: number;
  lastTaintMs: number | undefined;
}

const regionLabels = ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'];
const excludeLabel = 'node.kubernetes.io/exclude-disruption';
const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'];

export function zoneOf({ metadata }: Node): string {
  const first = (names: readonly string[]): string =>
    names.map((name) => metadata.labels?.[name]).find((value) => value !== undefined && value !== '') ?? '';
  const [region, zone] = [first(regionLabels), first(zoneLabels)];
  return region !== '' && zone !== '' ? `${region}/${zone}` : region || zone;
}

function factsOf(node: Node): Facts {
  const tainted = evictingTaint(node) !== undefined;
  const ready = findCondition(node.status?.conditions, 'Ready');
  return {
    zone: zoneOf(node),
    counts: ready !== undefined && node.metadata.labels?.[excludeLabel] === undefined,
    ready: isReady(node),
    waits: !tainted && lostTaint(node) !== undefined,
    tainted,
    since: ready?.lastTransitionTime ?? node.metadata.creationTimestamp ?? '',
  };
}

function isBefore(a: string, { since: sinceA }: Facts, b: string, { since: sinceB }: Facts): boolean {
  return sinceA === sinceB ? a < b : sinceA < sinceB;
}

type Rules = Omit<NodeLifecycleConfig, 'startupGracePeriodMs'>;

export class Zones {
  readonly #rules: Rules;
  readonly #clock: Pick<Clock, 'monotonic' | 'now'>;
  readonly #zones = new Map<string, Zone>();
  readonly #facts = new Map<string, Facts>();
  #ready = 0;
  /** When the cluster got its first ready node: those that were not heard meanwhile get time to return. */
  #returnedMs = Number.NEGATIVE_INFINITY;

  constructor(rules: Rules, clock: Pick<Clock, 'monotonic' | 'now'>) {
    this.#rules = rules;
    this.#clock = clock;
  }

  /** Takes the state of a node over. Answers the names of others for which it may matter. */
  seen(node: Node): readonly string[] {
    const { name = '' } = node.metadata;
    const before = this.#facts.get(name);
    const facts = factsOf(node);
    if (jsonEqual(before, facts)) return [];
    const { zone, tainted } = facts;
    const nobodyWasReady = this.#ready === 0;
    if (before !== undefined) this.#drop(name, before);
    this.#put(name, facts);
    this.#sweep(before?.zone);
    if (nobodyWasReady && this.#ready > 0) this.#returnedMs = this.#clock.monotonic();
    if (tainted && before?.tainted !== true) this.#noteTaint(node, zone, before !== undefined);
    return this.#concerned(nobodyWasReady, [zone, before?.zone ?? zone]);
  }

  gone(name: string): readonly string[] {
    const before = this.#facts.get(name);
    if (before === undefined) return [];
    const nobodyWasReady = this.#ready === 0;
    this.#drop(name, before);
    this.#sweep(before.zone);
    return this.#concerned(nobodyWasReady, [before.zone]);
  }

  /** Undefined: no such node. */
  turnOf(name: string): Turn | undefined {
    const facts = this.#facts.get(name);
    const zone = facts === undefined ? undefined : this.#zones.get(facts.zone);
    if (facts === undefined || zone === undefined) return undefined;
    const view = this.#viewOf(facts.zone, zone);
    const rate = this.#rateOf(view);
    if (!facts.waits || rate === 0) return { ...view, now: false, waitMs: undefined };
    const place = this.#placeOf(zone, name, facts);
    const nowMs = this.#clock.monotonic();
    const intervalMs = 1000 / rate;
    const freeMs = Math.max(
      nowMs,
      this.#returnedMs + this.#rules.gracePeriodMs,
      (zone.lastTaintMs ?? Number.NEGATIVE_INFINITY) + intervalMs,
    );
    const waitMs = freeMs + place * intervalMs - nowMs;
    return { ...view, now: waitMs <= 0, waitMs };
  }

  #viewOf(name: string, { counted, ready }: Zone): ZoneView {
    const everywhere = this.#ready === 0;
    return { zone: name, state: this.#stateOf(counted, ready), nodes: counted, ready, everywhere };
  }

  #stateOf(size: number, ready: number): ZoneState {
    const notReady = size - ready;
    if (size > 0 && ready === 0) return 'FullDisruption';
    // Two nodes may always be faulty.
    return notReady > 2 && notReady / size >= this.#rules.unhealthyZoneShare ? 'PartialDisruption' : 'Normal';
  }

  /** Nodes each second. */
  #rateOf({ state, nodes, everywhere }: ZoneView): number {
    const { evictionRate, secondaryEvictionRate, largeZoneSize } = this.#rules;
    if (everywhere) return 0;
    if (state !== 'PartialDisruption') return evictionRate;
    return nodes > largeZoneSize ? secondaryEvictionRate : 0;
  }

  /** How many wait for the taint before it: the one that is lost for longest comes first. */
  #placeOf(zone: Zone, name: string, facts: Facts): number {
    let place = 0;
    for (const [other, its] of zone.nodes) if (its.waits && isBefore(other, its, name, facts)) place += 1;
    return place;
  }

  #firstOf(zone: Zone): string[] {
    let first: [string, Facts] | undefined;
    for (const entry of zone.nodes) {
      if (entry[1].waits && (first === undefined || isBefore(...entry, ...first))) first = entry;
    }
    return first === undefined ? [] : [first[0]];
  }

  #put(name: string, facts: Facts): void {
    const zone: Zone = this.#zones.get(facts.zone) ?? {
      nodes: new Map(),
      counted: 0,
      ready: 0,
      lastTaintMs: undefined,
    };
    this.#zones.set(facts.zone, zone);
    zone.nodes.set(name, facts);
    this.#facts.set(name, facts);
    this.#count(zone, facts, 1);
  }

  #count(zone: Zone, { counts, ready }: Facts, by: 1 | -1): void {
    if (!counts) return;
    zone.counted += by;
    if (!ready) return;
    zone.ready += by;
    this.#ready += by;
  }

  #drop(name: string, facts: Facts): void {
    const zone = this.#zones.get(facts.zone);
    this.#facts.delete(name);
    if (zone === undefined) return;
    zone.nodes.delete(name);
    this.#count(zone, facts, -1);
  }

  #sweep(zoneName: string | undefined): void {
    if (zoneName !== undefined && this.#zones.get(zoneName)?.nodes.size === 0) this.#zones.delete(zoneName);
  }

  #noteTaint(node: Node, zoneName: string, isNow: boolean): void {
    const zone = this.#zones.get(zoneName);
    if (zone === undefined) return;
    const addedMs = timestampMs(evictingTaint(node)?.timeAdded);
    const ageMs = isNow || addedMs === undefined ? 0 : Math.max(0, this.#clock.now() - addedMs);
    const atMs = this.#clock.monotonic() - ageMs;
    zone.lastTaintMs = Math.max(zone.lastTaintMs ?? atMs, atMs);
  }

  /** Those whose turn it may be; all that are lost, when it begins or ends that every node is. */
  #concerned(nobodyWasReady: boolean, zoneNames: readonly string[]): readonly string[] {
    if ((this.#ready === 0) !== nobodyWasReady) {
      return [...this.#facts].filter(([, { ready }]) => !ready).map(([name]) => name);
    }
    return [...new Set(zoneNames)].flatMap((zoneName) => {
      const zone = this.#zones.get(zoneName);
      return zone === undefined ? [] : this.#firstOf(zone);
    });
  }
}
