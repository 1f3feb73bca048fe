import type { Network } from '../parts/network.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Scheduler } from '../parts/scheduler.ts';
import type { Reply, Request, Wire } from '../cluster/wire.ts';
import type { History, HistoryEntry } from './history.ts';
import { isWrite, type Answer, type Operation } from './operation.ts';

export interface ClientOptions {
  readonly name: string;
  readonly keys: readonly string[];
  /** Operations that are under way at once. */
  readonly concurrency: number;
  readonly thinkMeanMs: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly readMode: 'quorum' | 'lease';
}

export interface ClientWorld {
  readonly scheduler: Scheduler;
  readonly network: Network<Wire>;
  readonly random: SimRandom;
  readonly history: History;
  readonly members: () => readonly string[];
  readonly note: (text: string) => void;
  readonly detail: (text: () => string) => void;
}

interface Call {
  readonly requestId: string;
  readonly done: (reply: Reply | undefined) => void;
}

/**
 * One user of the store. It asks one member after the other until it has an answer; writes keep their id through all tries, so
 * that each is done at most once. A write that it gives up stays open in the history.
 */
export class Client {
  readonly options: ClientOptions;
  readonly #world: ClientWorld;
  readonly #calls = new Map<string, Call>();
  #member = '';
  #requests = 0;
  #numbers = 0;
  #session: number | undefined;
  #registering: (() => void)[] | undefined;
  #sequence = 0;
  readonly #open = new Set<number>();
  #seen: { readonly key: string; readonly modRevision: number }[] = [];
  #lastRevision = 1;
  #stopped = false;
  completed = 0;

  constructor(options: ClientOptions, world: ClientWorld) {
    this.options = options;
    this.#world = world;
    world.network.listen(options.name, (_from, wire) => {
      if (wire.type !== 'reply' || wire.reply.type === 'watched') return;
      const call = this.#calls.get(wire.reply.requestId);
      this.#calls.delete(wire.reply.requestId);
      call?.done(wire.reply);
    });
  }

  start(): void {
    for (let i = 0; i < this.options.concurrency; i++) this.#loop();
  }

  /** What is under way goes on to its end. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs one operation to its end; `undefined` when all attempts failed. */
  perform(operation: Operation, done: (answer: Answer | undefined) => void, attempts = this.options.attempts): void {
    const number = ++this.#numbers;
    if (!isWrite(operation)) return this.#performQuestion(number, operation, done, attempts);
    this.#withSession(() => this.#performWrite(number, operation, done, attempts));
  }

  #loop(): void {
    this.#world.scheduler.after(this.#world.random.exponential(this.options.thinkMeanMs), () => {
      if (this.#stopped) return;
      this.perform(this.#choose(), () => this.#loop());
    });
  }

  #choose(): Operation {
    const { random } = this.#world;
    const { keys, name } = this.options;
    const key = random.pick(keys);
    const value = `${name}.${this.#numbers + 1}`;
    const what = random.weighted({
      put: 30,
      putMany: 5,
      delete: 8,
      compare: 17,
      get: 22,
      range: 8,
      stale: 10,
      compact: 0.5,
    });
    switch (what) {
      case 'put':
        return { type: 'put', keys: [key], value };
      case 'putMany':
        return { type: 'put', keys: random.shuffle(keys).slice(0, 2).toSorted(), value };
      case 'delete':
        return { type: 'delete', key };
      case 'compare':
        return this.#chooseCompare(key, value);
      case 'compact':
        return { type: 'compact', revision: Math.max(1, this.#lastRevision - random.int(30)) };
      case 'range':
        return { type: 'read', from: 'a', to: 'z', linearizable: random.chance(0.7) };
      default:
        return { type: 'read', from: key, to: `${key}\u0000`, linearizable: what === 'get' };
    }
  }

  #chooseCompare(key: string, value: string): Operation {
    const seen = this.#seen.findLast((each) => each.key === key);
    return { type: 'compareAndPut', key, modRevision: seen?.modRevision ?? 0, value };
  }

  #learn(operation: Operation, answer: Answer): void {
    this.#lastRevision = Math.max(this.#lastRevision, answer.revision);
    const changed =
      operation.type === 'put' ? operation.keys : operation.type === 'compareAndPut' ? [operation.key] : [];
    if (answer.changed) for (const key of changed) this.#seen.push({ key, modRevision: answer.revision });
    for (const { key, modRevision } of answer.kvs) this.#seen.push({ key, modRevision });
    this.#seen.splice(0, this.#seen.length - 20);
  }

  #performQuestion(
    number: number,
    operation: Operation,
    done: (answer: Answer | undefined) => void,
    attempts: number,
  ): void {
    const entry = this.#world.history.call(this.options.name, number, operation);
    this.#try(
      attempts,
      (requestId) => this.#question(requestId, operation),
      (reply, tried) => this.#finish(entry, operation, reply, tried, done),
    );
  }

  #question(requestId: string, operation: Operation): Request {
    const { readMode } = this.options;
    if (operation.type === 'keepAlive') {
      return { type: 'keepAlive', requestId, leaseId: operation.leaseId, mode: readMode };
    }
    if (operation.type !== 'read') throw new Error(`${operation.type} is no question`);
    const { from, to, linearizable } = operation;
    return { type: 'read', requestId, from, to, mode: linearizable ? readMode : 'serializable' };
  }

  #performWrite(
    number: number,
    operation: Operation,
    done: (answer: Answer | undefined) => void,
    attempts: number,
  ): void {
    const { name } = this.options;
    const sequence = ++this.#sequence;
    this.#open.add(sequence);
    const id = { session: this.#session as number, sequence, floor: Math.min(...this.#open) };
    const command = { origin: `${name}/${number}`, operation };
    const entry = this.#world.history.call(name, number, operation);
    this.#try(
      attempts,
      (requestId) => ({ type: 'write', requestId, id, command }),
      (reply, tried) => {
        this.#open.delete(sequence);
        if (reply?.type === 'noSession') this.#world.note(`VIOLATION session ${id.session} of ${name} was forgotten`);
        this.#finish(entry, operation, reply, tried, done);
      },
    );
  }

  #finish(
    entry: HistoryEntry,
    operation: Operation,
    reply: Reply | undefined,
    tried: number,
    done: (answer: Answer | undefined) => void,
  ): void {
    if (reply?.type !== 'answer') return done(undefined);
    this.completed += 1;
    this.#learn(operation, reply.answer);
    this.#world.history.return(entry, reply.answer, this.#member, tried);
    done(reply.answer);
  }

  #withSession(then: () => void): void {
    if (this.#session !== undefined) return then();
    if (this.#registering !== undefined) {
      this.#registering.push(then);
      return;
    }
    const waiting = [then];
    this.#registering = waiting;
    const nonce = `${this.options.name}-session`;
    const again = (): void =>
      this.#try(
        10,
        (requestId) => ({ type: 'register', requestId, nonce }),
        (reply) => {
          if (reply?.type !== 'session') return again();
          this.#session = reply.session;
          for (const run of waiting) run();
        },
      );
    again();
  }

  /** Sends the same request until something other than a refusal comes, each time to another member. */
  #try(
    attempts: number,
    make: (requestId: string) => Request,
    done: (reply: Reply | undefined, tried: number) => void,
  ): void {
    const { scheduler, network, random } = this.#world;
    const attempt = (tried: number): void => {
      if (tried > attempts) return done(undefined, tried - 1);
      const members = this.#world.members();
      if (!members.includes(this.#member)) this.#member = random.pick(members);
      const requestId = `${this.options.name}#${++this.#requests}`;
      const next = (): void => {
        this.#calls.delete(requestId);
        this.#member = random.pick(this.#world.members());
        scheduler.after(random.between(1, 40), () => attempt(tried + 1));
      };
      const timer = scheduler.after(this.options.timeoutMs * random.between(0.5, 1.5), next);
      this.#calls.set(requestId, {
        requestId,
        done: (reply) => {
          timer.cancel();
          if (reply?.type === 'refused') next();
          else done(reply, tried);
        },
      });
      const request = make(requestId);
      this.#world.detail(() => `${this.options.name} asks ${this.#member} ${JSON.stringify(request)}`);
      network.send(this.options.name, this.#member, { type: 'request', request });
    };
    attempt(1);
  }
}
