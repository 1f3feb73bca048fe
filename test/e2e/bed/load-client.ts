/**
 * A program for the client's machine: users of the API who read, write and delete a few ConfigMaps, compare resourceVersions when
 * they write, and remember what they asked and were told. Takes one word a line: `finish` ends the work, reads everything once more
 * from every master, writes the history and ends.
 *
 * load-client.ts KUBECONFIG HISTORY_FILE SEED CLIENTS URL…
 */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKubeconfig } from '../../../cli/src/cluster/kubeconfig.ts';
import { SimRandom } from '../../simulation/parts/random.ts';
import { History, type HistoryEntry } from '../../simulation/workload/history.ts';
import type { Answer, KeyValue, Operation } from '../../simulation/workload/operation.ts';
import { LoadConnection, type LoadReply } from './load-connection.ts';

const [kubeconfig = '', file = '', seed = '', clients = '', ...urls] = process.argv.slice(2);
const configMaps = '/api/v1/namespaces/default/configmaps';
const keys = Array.from({ length: 8 }, (_, at) => `register-${at}`);
const thinkMeanMs = 100;
/** After a failure, so that what nobody knows the end of stays little. */
const restMs = 300;

const { token, caCertificate } = readKubeconfig(kubeconfig);
const connections = urls.map((url) => new LoadConnection(url, { token, ca: caCertificate }));
const history = new History(() => performance.now());
/** Of operations that were certainly never begun. */
const unsent = new Set<HistoryEntry>();
let acknowledged = 0;
let highestRevision = 0;
const finish = new AbortController();

interface Known {
  /** 0: there is no such object. */
  readonly modRevision: number;
  readonly version: number;
}

function keyValueOf({ body }: LoadReply, key: string): KeyValue {
  const { metadata, data } = body as {
    metadata: { resourceVersion: string };
    data: { value: string; version: string };
  };
  const modRevision = Number(metadata.resourceVersion);
  highestRevision = Math.max(highestRevision, modRevision);
  return { key, value: data.value, createRevision: 0, modRevision, version: Number(data.version), lease: 0 };
}

/** What the reply says; undefined: nothing, the outcome is unknown. `refused`: it was not done, for the comparison failed. */
function answerOf(operation: Operation, reply: LoadReply): Answer | 'refused' | undefined {
  const { status } = reply;
  switch (operation.type) {
    case 'read': {
      if (status === 404) return { revision: highestRevision, changed: false, kvs: [] };
      if (status !== 200) return undefined;
      const kv = keyValueOf(reply, operation.from);
      return { revision: kv.modRevision, changed: false, kvs: [kv] };
    }
    case 'compareAndPut': {
      if (status === 409 || (status === 404 && operation.modRevision > 0)) return 'refused';
      if (status !== 200 && status !== 201) return undefined;
      const { modRevision: revision } = keyValueOf(reply, operation.key);
      return { revision, changed: true, kvs: [] };
    }
    case 'delete':
      if (status === 409) return 'refused';
      if (status !== 200 && status !== 404) return undefined;
      return { revision: highestRevision + 0.5, changed: status === 200, kvs: [] };
    default:
      return undefined;
  }
}

function send(connection: LoadConnection, operation: Operation, version: number): Promise<LoadReply> {
  switch (operation.type) {
    case 'read':
      return connection.send('GET', `${configMaps}/${operation.from}`);
    case 'delete':
      return connection.send('DELETE', `${configMaps}/${operation.key}`);
    case 'compareAndPut': {
      const { key: name, modRevision, value } = operation;
      const data = { value, version: String(version) };
      if (modRevision === 0) return connection.send('POST', configMaps, { metadata: { name }, data });
      const metadata = { name, resourceVersion: String(modRevision) };
      return connection.send('PUT', `${configMaps}/${name}`, { metadata, data });
    }
    default:
      throw new Error(`${operation.type} is not for the API`);
  }
}

/** One user. It stays with a master until that fails it, and changes now and then without a reason. */
class User {
  readonly #name: string;
  readonly #random: SimRandom;
  readonly #known = new Map<string, Known>();
  #connection: LoadConnection;
  #sequence = 0;

  constructor(name: string) {
    this.#name = name;
    this.#random = new SimRandom(`${seed}/${name}`);
    this.#connection = this.#random.pick(connections);
  }

  async work(): Promise<void> {
    while (!finish.signal.aborted) {
      await sleep(this.#random.exponential(thinkMeanMs));
      if (this.#random.chance(0.1)) this.#connection = this.#random.pick(connections);
      const known = await this.#step();
      if (known) continue;
      this.#connection = this.#random.pick(connections.filter((other) => other !== this.#connection));
      await sleep(restMs);
    }
  }

  /** From one master, until it answers. */
  async readFrom(connection: LoadConnection, key: string): Promise<void> {
    this.#connection = connection;
    while (!(await this.#perform(key, { type: 'read', from: key, to: `${key}\0`, linearizable: true }, 0))) {
      await sleep(restMs);
    }
  }

  #step(): Promise<boolean> {
    const key = this.#random.pick(keys);
    const known = this.#known.get(key);
    const value = `${this.#name}.${this.#sequence}`;
    const what = this.#random.weighted({ read: 40, write: 40, once: 15, delete: 5 });
    // Written once and never again: whatever was acknowledged must be there at the end.
    if (what === 'once') {
      const name = `once-${value}`;
      return this.#perform(name, { type: 'compareAndPut', key: name, modRevision: 0, value }, 1);
    }
    if (what === 'delete') return this.#perform(key, { type: 'delete', key }, 0);
    if (what === 'read' || known === undefined) {
      return this.#perform(key, { type: 'read', from: key, to: `${key}\0`, linearizable: true }, 0);
    }
    const { modRevision, version } = known;
    return this.#perform(key, { type: 'compareAndPut', key, modRevision, value }, version + 1);
  }

  /** False: there was no answer. */
  async #perform(key: string, operation: Operation, version: number): Promise<boolean> {
    const connection = this.#connection;
    const entry = history.call(this.#name, this.#sequence++, operation);
    const reply = await send(connection, operation, version);
    const answer = reply.begun ? answerOf(operation, reply) : undefined;
    if (!reply.begun || answer === 'refused') unsent.add(entry);
    if (answer === undefined || answer === 'refused') {
      this.#known.delete(key);
      return answer === 'refused';
    }
    history.return(entry, answer, connection.url, 1);
    if (operation.type !== 'read') acknowledged += 1;
    const [kv] = answer.kvs;
    if (operation.type === 'read') this.#known.set(key, kv ?? { modRevision: 0, version: 0 });
    else if (operation.type === 'delete') this.#known.set(key, { modRevision: 0, version: 0 });
    else this.#known.set(key, { modRevision: answer.revision, version });
    return true;
  }
}

const users = Array.from({ length: Number(clients) }, (_, at) => new User(`user-${at}`));
const work = users.map((user) => user.work());
const telling = setInterval(() => console.log(`acknowledged ${acknowledged}`), 50);

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'finish') continue;
  finish.abort();
  await Promise.all(work);
  clearInterval(telling);
  const last = new User('last');
  for (const connection of connections) for (const key of keys) await last.readFrom(connection, key);
  writeFileSync(file, JSON.stringify(history.entries.filter((entry) => !unsent.has(entry))));
  console.log(`finished after ${history.entries.length} operations`);
  process.exit(0);
}
