import { errorMessage, type Env } from '@timonel/sdk';
import { classInternet, flags, headerBytes, largestUdpBytes, rcodes, recordTypes } from '../wire/constants.ts';
import type { Query } from '../wire/query.ts';
import { AnswerCache, type CacheBounds } from './answer-cache.ts';
import { exchange, type Exchange, type Server } from './exchange.ts';
import type { Relayed } from './relayed.ts';

export interface ForwarderOptions {
  readonly env: Env;
  /** In the order of preference. */
  readonly servers: () => readonly Server[];
  readonly cache: CacheBounds;
  /** Questions that wait for others at the same time; more fail at once. */
  readonly concurrent: number;
  /** Of one question to one server, in ms. */
  readonly attemptMs: number;
  /** Of all of them together: clients ask again after 5 s. */
  readonly totalMs: number;
}

export interface Forwarded {
  readonly relayed: Relayed;
  readonly ageSeconds: number;
}

export type ForwardFailure = { readonly failure: string };

/** Asks other servers: each question once at a time, whoever wants to know, and not again while the answer is good. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #cache: AnswerCache;
  readonly #asked = new Map<string, Promise<Forwarded | ForwardFailure>>();
  readonly #stop = new AbortController();
  /** The server that answered last. */
  #trusted: Server | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#cache = new AnswerCache(options.cache);
  }

  /** What is known already. */
  known(query: Query): Forwarded | undefined {
    return this.#cache.get(keyOf(query), this.#options.env.clock.monotonic());
  }

  /** Never rejects. */
  ask(query: Query): Promise<Forwarded | ForwardFailure> {
    const key = keyOf(query);
    const running = this.#asked.get(key);
    if (running !== undefined) return running;
    if (this.#asked.size >= this.#options.concurrent) {
      return Promise.resolve({ failure: `${this.#options.concurrent} questions wait for other servers already` });
    }
    const asking = this.#ask(query, key).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #ask(query: Query, key: string): Promise<Forwarded | ForwardFailure> {
    const { env, attemptMs, totalMs } = this.#options;
    const servers = this.#inOrder();
    if (servers.length === 0) return { failure: 'no server is known for names outside of the cluster' };
    const question = lowerQuestion(query);
    const endMs = env.clock.monotonic() + totalMs;
    let failure = '';
    let poor: Relayed | undefined;
    for (let attempt = 0; attempt < Math.max(2, servers.length); attempt++) {
      const server = servers[attempt % servers.length] as Server;
      const restMs = Math.min(attemptMs, endMs - env.clock.monotonic());
      if (restMs <= 0 || this.#stop.signal.aborted) break;
      try {
        const message = writeQuery(query, question, env.random.bytes(2));
        const relayed = await this.#inTime(restMs, { server, message, question });
        if (relayed.rcode === rcodes.NOERROR || relayed.rcode === rcodes.NXDOMAIN) {
          this.#trusted = server;
          const negative = relayed.rcode === rcodes.NXDOMAIN || relayed.message.readUInt16BE(6) === 0;
          this.#cache.set(key, relayed, negative, env.clock.monotonic());
          return { relayed, ageSeconds: 0 };
        }
        poor = relayed;
      } catch (error) {
        failure = errorMessage(error);
      }
    }
    return poor === undefined ? { failure } : { relayed: poor, ageSeconds: 0 };
  }

  async #inTime(timeMs: number, asked: Omit<Exchange, 'signal'>): Promise<Relayed> {
    const over = new AbortController();
    const timer = this.#options.env.timers.after(timeMs, () => over.abort());
    try {
      return await exchange({ ...asked, signal: AbortSignal.any([over.signal, this.#stop.signal]) });
    } finally {
      timer.cancel();
    }
  }

  #inOrder(): readonly Server[] {
    const servers = this.#options.servers();
    const trusted = servers.findIndex(
      ({ address, port }) => address === this.#trusted?.address && port === this.#trusted.port,
    );
    return trusted <= 0 ? servers : [...servers.slice(trusted), ...servers.slice(0, trusted)];
  }
}

/** What an answer depends on. */
function keyOf({ name, type, edns, checkingDisabled }: Query): string {
  const variant = (edns === undefined ? 0 : edns.dnssecOk ? 2 : 1) + (checkingDisabled ? 4 : 0);
  return `${variant} ${type} ${name}`;
}

function lowerQuestion(query: Query): Buffer {
  const copy = Buffer.from(query.question);
  for (let at = 0; at < copy.length - 4; at++) {
    const byte = copy[at] as number;
    if (byte >= 0x41 && byte <= 0x5a) copy[at] = byte + 0x20;
  }
  return copy;
}

function writeQuery({ edns, checkingDisabled }: Query, question: Buffer, id: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.set(id, 0);
  header.writeUInt16BE(flags.RD | (checkingDisabled ? flags.CD : 0), 2);
  header.writeUInt16BE(1, 4);
  if (edns === undefined) return Buffer.concat([header, question]);
  header.writeUInt16BE(1, 10);
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(recordTypes.OPT, 1);
  opt.writeUInt16BE(largestUdpBytes, 3);
  opt.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, 7);
  return Buffer.concat([header, question, opt]);
}

/** A question of our own, for the records of another name. */
export function questionFor(name: string, type: number): Query {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]));
  const end = Buffer.alloc(5);
  end.writeUInt16BE(type, 1);
  end.writeUInt16BE(classInternet, 3);
  return {
    id: 0,
    recursionDesired: true,
    checkingDisabled: false,
    name,
    type,
    class: classInternet,
    question: Buffer.concat([...labels, end]),
    edns: undefined,
  };
}
