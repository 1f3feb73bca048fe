/** Counts and times HTTP requests. On the path of each of them: a look-up by label values and two additions. */
import type { Clock, Counter, Gauge } from '@timonel/sdk';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import { isTrue } from '../http/access-attributes.ts';
import type { ResourcePath } from '../http/resource-path.ts';
import type { ApiMetrics } from './definitions.ts';

/** The facts of a request that metrics need. */
export interface RequestFacts {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly querystring: string;
  readonly contentType: string | undefined;
}

const component = 'apiserver';
const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const plainMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE']);
const connections: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy']);
/** Paths that are no resources, by their beginnings: all others count together. */
const knownPaths: readonly string[] = [
  '/healthz',
  '/livez',
  '/readyz',
  '/metrics',
  '/version',
  '/openapi',
  '/apis',
  '/api',
];

/** As requests are served: what counts as a watch here and is none, or the other way round, holds a seat for ever or takes none. */
function watches({ querystring }: RequestFacts, { subresource }: ResourcePath): boolean {
  return subresource === '' && querystring !== '' && isTrue(new URLSearchParams(querystring).get('watch'));
}

/** Of a log, everything but a no is a yes: `?follow`, too. */
function follows({ querystring }: RequestFacts): boolean {
  const value = querystring === '' ? null : new URLSearchParams(querystring).get('follow');
  return value !== null && !/^(?:0|[fF]|false|False|FALSE)$/.test(value);
}

/** The verb as kube-apiserver reports it. */
export function reportedVerb(facts: RequestFacts, path: ResourcePath | undefined): string {
  const { method } = facts;
  if (path !== undefined && connections.has(firstPart(path.subresource))) return 'CONNECT';
  if (method === 'GET' || method === 'HEAD') {
    if (path === undefined) return method;
    if (watches(facts, path)) return 'WATCH';
    return path.name === undefined ? 'LIST' : 'GET';
  }
  if (method === 'PATCH') return facts.contentType?.startsWith('application/apply-patch') === true ? 'APPLY' : 'PATCH';
  if (method === 'DELETE' && path !== undefined && path.name === undefined) return 'DELETECOLLECTION';
  return plainMethods.has(method) ? method : 'other';
}

function firstPart(subresource: string): string {
  const slash = subresource.indexOf('/');
  return slash < 0 ? subresource : subresource.slice(0, slash);
}

/** A bounded set of values whatever clients send. */
function knownSubresource({ definition }: Kind, subresource: string): string {
  if (subresource === '') return '';
  const name = firstPart(subresource);
  const { subresources, parts = {}, connections: connected = {}, scale } = definition;
  const known = [subresources, parts, connected].some((record) => Object.hasOwn(record, name));
  return known || name === 'status' || (name === 'scale' && scale !== undefined) ? name : 'other';
}

function scopeOf(path: ResourcePath, verb: string): string {
  if (path.name !== undefined || verb === 'POST') return 'resource';
  return path.namespace === undefined ? 'cluster' : 'namespace';
}

type Labels = readonly [
  verb: string,
  dryRun: string,
  group: string,
  version: string,
  resource: string,
  sub: string,
  scope: string,
];

/** One request from its beginning to its end. */
export class ObservedRequest {
  readonly #metrics: ApiMetrics;
  readonly #clock: Clock;
  readonly #facts: RequestFacts;
  readonly #startedAt: number;
  #open: Gauge;
  #labels: Labels | undefined;
  #longRunning = false;

  constructor(metrics: ApiMetrics, clock: Clock, facts: RequestFacts, inflight: Gauge) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#facts = facts;
    this.#startedAt = clock.monotonic();
    this.#open = inflight;
    inflight.add();
  }

  /** To be told of the path as soon as it is known: what is long-running counts elsewhere from then on. */
  isFor(path: ResourcePath, kinds: KindTable): void {
    const kind = kinds.find(path.group, path.version, path.resource);
    if (kind === undefined) return;
    const facts = this.#facts;
    const { group, version, resource } = kind.definition;
    const verb = reportedVerb(facts, path);
    const dryRun = facts.querystring.includes('dryRun=All') ? 'All' : '';
    const sub = knownSubresource(kind, path.subresource);
    const scope = scopeOf(path, verb);
    this.#labels = [verb, dryRun, group, version, resource, sub, scope];
    if (verb === 'WATCH' || verb === 'CONNECT' || (sub === 'log' && follows(facts))) this.#becomeLongRunning();
  }

  /** Another server answers. Its resources are not told apart: their names are whatever clients send. */
  isDelegated(
    { group, version }: { readonly group: string; readonly version: string },
    path: ResourcePath | undefined,
  ): void {
    const verb = reportedVerb(this.#facts, path);
    this.#labels = [verb, '', group, version, '', '', path === undefined ? '' : scopeOf(path, verb)];
    if (verb === 'WATCH' || verb === 'CONNECT') this.#becomeLongRunning();
  }

  #becomeLongRunning(): void {
    const [verb, , group, version, resource, sub, scope] = this.#labels ?? this.#pathLabels();
    this.#longRunning = true;
    this.#open.add(-1);
    this.#open = this.#metrics.longRunning.of(verb, group, version, resource, sub, scope, component);
    this.#open.add();
  }

  /** A watch, a session, a log that is followed. */
  get isLongRunning(): boolean {
    return this.#longRunning;
  }

  /** Ends the request. Answers how long it took, in ms. */
  end(code: number): number {
    this.#open.add(-1);
    const ms = this.#clock.monotonic() - this.#startedAt;
    const [verb, dryRun, group, version, resource, sub, scope] = this.#labels ?? this.#pathLabels();
    const { requests, duration } = this.#metrics;
    (requests.of(verb, dryRun, group, version, resource, sub, scope, component, String(code)) satisfies Counter).add();
    if (!this.#longRunning) {
      duration.of(verb, dryRun, group, version, resource, sub, scope, component).observe(ms / 1000);
    }
    return ms;
  }

  #pathLabels(): Labels {
    const { path } = this.#facts;
    const known = knownPaths.find((start) => path === start || path.startsWith(`${start}/`)) ?? '';
    return [reportedVerb(this.#facts, undefined), '', '', '', '', known, ''];
  }
}

export class RequestObserver {
  readonly #metrics: ApiMetrics;
  readonly #clock: Clock;
  readonly #mutating: Gauge;
  readonly #readOnly: Gauge;

  constructor(metrics: ApiMetrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#mutating = metrics.inflight.of('mutating');
    this.#readOnly = metrics.inflight.of('readOnly');
  }

  begin(facts: RequestFacts): ObservedRequest {
    const inflight = readMethods.has(facts.method) ? this.#readOnly : this.#mutating;
    return new ObservedRequest(this.#metrics, this.#clock, facts, inflight);
  }
}
