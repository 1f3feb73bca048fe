/** From a query to its answer: the cluster's names by the zone, all others by other servers. */
import type { Env } from '@timonel/sdk';
import { questionFor, type Forwarded, type Forwarder, type ForwardFailure } from './forward/forwarder.ts';
import { readAddressRecords, writeRelayed } from './forward/relayed.ts';
import { classInternet, rcodes, recordTypes } from './wire/constants.ts';
import type { Query } from './wire/query.ts';
import { writeResponse, type DnsRecord, type Response } from './wire/response.ts';
import type { Zone, ZoneAnswer } from './zone/zone.ts';

/** Who answered: the cluster's names, another server, or nobody. */
export type Source = 'cluster' | 'forward' | 'refused';

export interface Answer {
  readonly source: Source;
  readonly rcode: number;
  /** The same bytes would be right for the same query again, until the cluster's names change. */
  readonly repeatable: boolean;
  write(limitBytes: number): Buffer;
}

export interface ResolverOptions {
  readonly env: Env;
  readonly zone: Zone;
  /** Whether the cluster's names are known. */
  readonly ready: () => boolean;
  readonly forwarder: Pick<Forwarder, 'known' | 'ask'>;
  /** Told why a name outside of the cluster could not be answered. */
  readonly failed: (why: string) => void;
}

/** Other names that lead to other names: more is a loop, or somebody's joke. */
const longestAliasChain = 8;
const typeNames = new Map<number, string>(Object.entries(recordTypes).map(([name, number]) => [number, name]));
const firstQueryOnlyType = 128;
const lastTransferType = 254;

export function typeName(type: number): string {
  return typeNames.get(type) ?? 'other';
}

export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Never rejects. At once where nothing has to be asked. */
  resolve(query: Query): Answer | Promise<Answer> {
    const { zone, ready } = this.#options;
    if (query.class !== classInternet) return this.#own(query, bare(rcodes.REFUSED), 'refused');
    if (query.type === recordTypes.ANY) return this.#own(query, anyAnswer(query.name), 'refused');
    if (query.type >= firstQueryOnlyType && query.type <= lastTransferType) {
      return this.#own(query, bare(rcodes.NOTIMP), 'refused');
    }
    if (zone.owns(query.name)) {
      if (!ready()) return this.#own(query, bare(rcodes.SERVFAIL), 'cluster');
      return this.#fromZone(query, zone.answer(query.name, typeName(query.type)));
    }
    const reverse = ready() ? zone.reverse(query.name, typeName(query.type)) : undefined;
    if (reverse !== undefined) return this.#own(query, reverse, 'cluster');
    if (!query.recursionDesired) return this.#own(query, bare(rcodes.REFUSED), 'refused');
    return this.#forward(query);
  }

  #fromZone(query: Query, answer: ZoneAnswer): Answer | Promise<Answer> {
    if (answer.alias !== undefined) return this.#followAlias(query, answer, answer.alias);
    return this.#own(query, answer, 'cluster');
  }

  #own(query: Query, response: Response, source: Source): Answer {
    const answers = this.#inAnyOrder(response.answers);
    return {
      source,
      rcode: response.rcode,
      repeatable: source === 'cluster' && response.authoritative && answers === response.answers,
      write: (limitBytes) => writeResponse(query, { ...response, answers }, limitBytes),
    };
  }

  /** Many clients take the first: each gets its turn. */
  #inAnyOrder(answers: readonly DnsRecord[]): readonly DnsRecord[] {
    if (answers.length < 2 || answers[0]?.type === 'CNAME') return answers;
    const start = this.#options.env.random.int(answers.length);
    return [...answers.slice(start), ...answers.slice(0, start)];
  }

  #forward(query: Query): Answer | Promise<Answer> {
    const { forwarder } = this.#options;
    const known = forwarder.known(query);
    if (known !== undefined) return relay(query, known);
    return forwarder.ask(query).then((result) => this.#forwarded(query, result));
  }

  #forwarded(query: Query, result: Forwarded | ForwardFailure): Answer {
    if (!('failure' in result)) return relay(query, result);
    this.#options.failed(result.failure);
    return this.#own(query, bare(rcodes.SERVFAIL), 'forward');
  }

  /** What the other name leads to belongs to the answer: clients do not ask for it themselves. */
  async #followAlias(query: Query, answer: ZoneAnswer, alias: string): Promise<Answer> {
    const { zone, forwarder } = this.#options;
    const answers: DnsRecord[] = [...answer.answers];
    let rcode = answer.rcode;
    for (let target: string | undefined = alias, steps = 0; target !== undefined; steps++) {
      if (steps === longestAliasChain) return this.#own(query, bare(rcodes.SERVFAIL), 'cluster');
      if (zone.owns(target)) {
        const next: ZoneAnswer = zone.answer(target, typeName(query.type));
        answers.push(...next.answers);
        rcode = next.rcode;
        target = next.alias;
        continue;
      }
      const question = questionFor(target, query.type);
      const result = forwarder.known(question) ?? (await forwarder.ask(question));
      if ('failure' in result) {
        this.#options.failed(result.failure);
        return this.#own(query, bare(rcodes.SERVFAIL), 'forward');
      }
      const { message } = result.relayed;
      const found = readAddressRecords(message, question.question.length);
      answers.push(...found.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - result.ageSeconds) })));
      rcode = result.relayed.rcode;
      target = undefined;
    }
    const response = { rcode, authoritative: true, answers };
    return { source: 'cluster', rcode, repeatable: false, write: (limit) => writeResponse(query, response, limit) };
  }
}

function bare(rcode: Response['rcode']): Response {
  return { rcode, authoritative: false, answers: [] };
}

/** Everything that a name has would be a large answer to a small question, which only helps those who flood others. Source: RFC 8482. */
function anyAnswer(name: string): Response {
  const answers: DnsRecord[] = [{ name, ttl: 3600, type: 'HINFO', data: 'RFC8482' }];
  return { rcode: rcodes.NOERROR, authoritative: false, answers };
}

function relay(query: Query, { relayed, ageSeconds }: Forwarded): Answer {
  return {
    source: 'forward',
    rcode: relayed.rcode,
    repeatable: false,
    write: (limitBytes) => writeRelayed(relayed, query, ageSeconds, limitBytes),
  };
}
