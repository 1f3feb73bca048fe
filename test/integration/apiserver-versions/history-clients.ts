/** Clients that read, write and watch the same few objects, each at another server with every request, and write down what they see. */
import { until } from '@timonel/testkit';
import { createSimulatedEnv } from '@timonel/core';
import type { Random } from '@timonel/sdk';
import type { Answer, HttpWatch, TestApiServer } from '../../support/api-server.ts';
import { freshnessTimeoutMs, merge, type Bed } from './bed.ts';
import type { Change, History, ObjectState, Operation, SeenEvent, Verb, WatchHistory } from './history.ts';

export interface HistoryOptions {
  readonly seed: number;
  readonly clients: number;
  /** Operations of each client. */
  readonly rounds: number;
}

const namespace = 'history';
const base = `/api/v1/namespaces/${namespace}/configmaps`;
const names = ['k0', 'k1', 'k2', 'k3', 'k4'];
const last = 'z-end';

interface Wire {
  readonly metadata: { name?: string; uid?: string; resourceVersion: string; labels?: Record<string, string> };
  readonly data?: Record<string, string>;
}

const seeded = (seed: number | string): Random => createSimulatedEnv({ seed }).random;

/** Bookmarks have a version only. */
function stateOf({ metadata, data = {} }: Wire): ObjectState {
  const { name = '', uid = '', resourceVersion, labels } = metadata;
  return { name, uid, version: Number(resourceVersion), side: labels?.['side'] ?? '', data };
}

/** Runs until all clients and watches have done their part, and reads the truth from the store. */
export async function recordHistory(bed: Bed, options: HistoryOptions): Promise<History> {
  const random = seeded(options.seed);
  await bed.at(0).send('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const begin = await bed.revision();
  const operations: Operation[] = [];
  const time = { now: 0 };
  const ending = { revision: Number.MAX_SAFE_INTEGER };
  const watches = [undefined, undefined, 'left', 'right'].map((side, index) => {
    const history: WatchHistory = { client: `w${index}`, side, withState: index % 2 === 1, connections: [] };
    const done = follow(bed, history, begin, ending, seeded(`${options.seed} w${index}`));
    // Reported where it is waited for.
    done.catch(() => undefined);
    return { history, done };
  });
  const clients = Array.from({ length: options.clients }, (_, index) => {
    const client = new Client(bed, index, { operations, time, random: seeded(`${options.seed} c${index}`) });
    return client.run(options.rounds);
  });
  const unsteady = shake(bed, random);
  // Reads that come meanwhile must not take what was asked before them.
  bed.answerDelayMs = 15;
  try {
    await Promise.all(clients);
  } finally {
    unsteady.stop();
    bed.steady();
    const made = await bed.at(0).send('POST', base, { body: { metadata: { name: last, labels: { side: 'left' } } } });
    ending.revision = Number(made.body.metadata.resourceVersion);
  }
  await Promise.all(watches.map(({ done }) => done));
  // The last one is of none of the clients.
  const changes = (await changesOf(bed, begin, ending.revision)).filter(({ object }) => object.name !== last);
  return { begin, operations, watches: watches.map(({ history }) => withoutLast(history)), changes };
}

function withoutLast(watch: WatchHistory): WatchHistory {
  const connections = watch.connections.map((connection) => {
    const events = connection.events.filter(({ object }) => object.name !== last);
    return { ...connection, events };
  });
  return { ...watch, connections };
}

/** Freezes, thaws and breaks the store's watch of one server at random times. */
function shake(bed: Bed, random: Random): { stop(): void } {
  let timer: NodeJS.Timeout;
  const next = (): void => {
    const what = random.next();
    if (what < 0.4) bed.laggingStore.stallWatches();
    else if (what < 0.85) bed.laggingStore.resumeWatches();
    else bed.laggingStore.breakWatches();
    // At times longer than a server waits for its cache.
    timer = setTimeout(next, random.next() < 0.08 ? freshnessTimeoutMs + 50 : 5 + random.next() * 80);
  };
  next();
  return { stop: () => clearTimeout(timer) };
}

async function changesOf(bed: Bed, begin: number, end: number): Promise<Change[]> {
  const [store] = bed.behind;
  if (store === undefined) throw new Error('the bed is empty');
  const changes: Change[] = [];
  const parsed = (value: Uint8Array, version: number): ObjectState => ({
    ...stateOf(JSON.parse(Buffer.from(value).toString()) as Wire),
    version,
  });
  const watch = store.watch({ prefix: `/registry/core/configmaps/${namespace}/`, fromRevision: begin + 1 });
  watch.requestProgress();
  for await (const { events, revision } of watch) {
    for (const { type, kv, prevKv } of events) {
      const object = type === 'put' ? parsed(kv.value, kv.modRevision) : undefined;
      const before = prevKv === undefined ? undefined : parsed(prevKv.value, kv.modRevision);
      const state = object ?? before;
      if (state !== undefined) changes.push({ revision: kv.modRevision, type, object: state });
    }
    if (revision >= end) break;
  }
  return changes;
}

interface Recorder {
  readonly operations: Operation[];
  readonly time: { now: number };
  readonly random: Random;
}

class Client {
  readonly #bed: Bed;
  readonly #name: string;
  readonly #recorder: Recorder;
  /** As this client saw them last. */
  readonly #seen = new Map<string, ObjectState>();
  #newest = 0;
  #turn: number;
  #tokens = 0;

  constructor(bed: Bed, index: number, recorder: Recorder) {
    this.#bed = bed;
    this.#name = `c${index}`;
    this.#turn = index;
    this.#recorder = recorder;
  }

  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round += 1) await this.#once();
  }

  #chance(share: number): boolean {
    return this.#recorder.random.next() < share;
  }

  #once(): Promise<void> {
    const { random } = this.#recorder;
    const name = names[Math.floor(random.next() * names.length)] ?? '';
    const what = random.next();
    if (what < 0.14) return this.#create(name);
    if (what < 0.3) return this.#put(name);
    if (what < 0.48) return this.#patch(name);
    if (what < 0.56) return this.#delete(name);
    return what < 0.8 ? this.#get(name) : this.#list();
  }

  #token(): string {
    return `${this.#name}-${(this.#tokens += 1)}`;
  }

  #create(name: string): Promise<void> {
    const token = this.#token();
    const side = this.#chance(0.5) ? 'left' : 'right';
    const body = { metadata: { name, labels: { side } }, data: { [this.#name]: token } };
    return this.#send('create', name, 'POST', { path: base, body, token });
  }

  #put(name: string): Promise<void> {
    const seen = this.#seen.get(name);
    const token = this.#token();
    const sentVersion = this.#chance(0.25) ? undefined : seen?.version;
    const labels = { side: this.#chance(0.3) ? 'left' : (seen?.side ?? 'right') };
    const version = sentVersion === undefined ? {} : { resourceVersion: String(sentVersion) };
    const body = { metadata: { name, labels, ...version }, data: { ...seen?.data, [this.#name]: token } };
    return this.#send('put', name, 'PUT', { path: `${base}/${name}`, body, token, sentVersion });
  }

  #patch(name: string): Promise<void> {
    const path = `${base}/${name}`;
    if (this.#chance(0.15)) return this.#send('patch', name, 'PATCH', { path, body: {} });
    const token = this.#token();
    return this.#send('patch', name, 'PATCH', { path, body: { data: { [this.#name]: token } }, token });
  }

  #delete(name: string): Promise<void> {
    const seen = this.#seen.get(name);
    const sentVersion = this.#chance(0.5) ? seen?.version : undefined;
    const preconditions = { uid: seen?.uid, resourceVersion: sentVersion?.toString() };
    const body = sentVersion === undefined ? undefined : { preconditions };
    return this.#send('delete', name, 'DELETE', { path: `${base}/${name}`, body, sentVersion });
  }

  #get(name: string): Promise<void> {
    const sentVersion = this.#chance(0.6) ? undefined : this.#chance(0.3) ? 0 : this.#newest;
    const query = sentVersion === undefined ? '' : `?resourceVersion=${sentVersion}`;
    return this.#send('get', name, 'GET', { path: `${base}/${name}${query}`, sentVersion });
  }

  #list(): Promise<void> {
    const sentVersion = this.#chance(0.5) || this.#newest === 0 ? undefined : this.#chance(0.2) ? 0 : this.#newest;
    const isExact = sentVersion !== undefined && sentVersion > 0 && this.#chance(0.4);
    const match = isExact ? '&resourceVersionMatch=Exact' : '';
    const query = sentVersion === undefined ? '' : `?resourceVersion=${sentVersion}${match}`;
    return this.#send('list', '', 'GET', { path: `${base}${query}`, sentVersion, isExact });
  }

  async #send(
    verb: Verb,
    name: string,
    method: string,
    request: { path: string; body?: unknown; token?: string; sentVersion?: number | undefined; isExact?: boolean },
  ): Promise<void> {
    const { path, body, ...asked } = request;
    const { time, operations } = this.#recorder;
    this.#turn += 1;
    const server = this.#turn % this.#bed.size;
    const calledAt = (time.now += 1);
    const type = method === 'PATCH' ? merge : 'application/json';
    const answer = await this.#bed.at(server).send(method, path, body === undefined ? {} : { body, type });
    const returnedAt = (time.now += 1);
    const seen = this.#read(verb, answer);
    operations.push({
      verb,
      client: this.#name,
      server,
      name,
      calledAt,
      returnedAt,
      status: answer.status,
      ...asked,
      ...seen,
    });
  }

  #read(verb: Verb, { status, body }: Answer): Partial<Operation> {
    if (status < 200 || status > 299) return {};
    if (verb === 'delete') return { deletedUid: body.details.uid };
    if (verb === 'list') {
      const list = { version: Number(body.metadata.resourceVersion), items: body.items.map(stateOf) as ObjectState[] };
      this.#newest = Math.max(this.#newest, list.version);
      return { list };
    }
    const object = stateOf(body as Wire);
    this.#seen.set(object.name, object);
    this.#newest = Math.max(this.#newest, object.version);
    return { object };
  }
}

/** Watches at one server after another, from where it came to, until it has come to the end. */
async function follow(
  bed: Bed,
  history: WatchHistory,
  begin: number,
  ending: { readonly revision: number },
  random: Random,
): Promise<void> {
  let reached = begin;
  for (let turn = Number(history.client.slice(1)); reached < ending.revision; turn += 1) {
    const server = turn % bed.size;
    const watch = open(bed.at(server), history, reached);
    try {
      const wanted = 1 + random.next() * 12;
      const enough = (): boolean => watch.events.length >= wanted || endOf(watch, ending.revision);
      await until(enough, { what: 'events', timeoutMs: 30 + random.next() * 200 }).catch(() => undefined);
    } finally {
      watch.stop();
      await watch.ended;
    }
    const events = watch.events.map(seenOf);
    history.connections.push({ server, from: reached, events });
    if (events.some(({ type }) => type === 'ERROR')) throw new Error(`${history.client}: a watch ended with an error`);
    const started = !history.withState || events.some(({ endsInitial }) => endsInitial);
    if (started) for (const { object } of events) reached = Math.max(reached, object.version);
  }
}

function endOf(watch: HttpWatch, revision: number): boolean {
  return watch.events.some(({ object }) => Number(object.metadata?.resourceVersion) >= revision);
}

function open(server: TestApiServer, { side, withState }: WatchHistory, from: number): HttpWatch {
  const selector = side === undefined ? '' : `&labelSelector=side%3D${side}`;
  const state = withState ? '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan' : '';
  return server.watch(`${base}?watch=1&allowWatchBookmarks=true&resourceVersion=${from}${selector}${state}`);
}

function seenOf({ type, object }: HttpWatch['events'][number]): SeenEvent {
  const endsInitial = object.metadata?.annotations?.['k8s.io/initial-events-end'] === 'true';
  return { type, object: stateOf(object as Wire), endsInitial };
}
