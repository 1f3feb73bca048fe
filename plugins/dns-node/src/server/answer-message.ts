/** From the bytes of a message to the bytes of its answer. */
import { largestMessageBytes, type Rcode } from '../wire/constants.ts';
import { readQuery, type Query } from '../wire/query.ts';
import { udpBytesFor, writeRefusal } from '../wire/response.ts';
import { typeName, type Answer, type Resolver, type Source } from '../resolver.ts';

export type Transport = 'udp' | 'tcp';

export interface AnswererOptions {
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Another one after each change of the cluster's names. */
  readonly version: () => number;
  readonly counted: (transport: Transport, source: Source, type: string, rcode: number) => void;
}

interface Kept {
  readonly message: Buffer;
  readonly source: Source;
  readonly type: string;
  readonly rcode: number;
}

const keptEntries = 10_000;
const longestKeptQuery = 300;

/**
 * Answers messages. Datagrams that were asked before, byte for byte but for their id, get the bytes of before, until the cluster's
 * names change: most pods ask for few names.
 */
export class Answerer {
  readonly #options: AnswererOptions;
  #kept = new Map<string, Kept>();
  #version = -1;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** Undefined: it deserves none. Never rejects. */
  answer(message: Buffer, transport: Transport): Buffer | undefined | Promise<Buffer> {
    const key = transport === 'udp' && message.length <= longestKeptQuery ? message.toString('latin1', 2) : undefined;
    const kept = key === undefined ? undefined : this.#find(key);
    if (kept !== undefined) {
      this.#options.counted(transport, kept.source, kept.type, kept.rcode);
      const copy = Buffer.from(kept.message);
      message.copy(copy, 0, 0, 2);
      return copy;
    }
    const read = readQuery(message);
    if (read.kind === 'ignored') return undefined;
    if (read.kind === 'refused') return this.#refuse(read.id, read.rcode, transport);
    const { query } = read;
    const answer = this.#options.resolver.resolve(query);
    if (answer instanceof Promise) return answer.then((result) => this.#write(query, result, transport, undefined));
    return this.#write(query, answer, transport, key);
  }

  #find(key: string): Kept | undefined {
    const version = this.#options.version();
    if (version === this.#version) return this.#kept.get(key);
    this.#version = version;
    this.#kept = new Map();
    return undefined;
  }

  #write(query: Query, answer: Answer, transport: Transport, key: string | undefined): Buffer {
    const { source, rcode } = answer;
    const type = typeName(query.type);
    this.#options.counted(transport, source, type, rcode);
    const message = answer.write(transport === 'udp' ? udpBytesFor(query) : largestMessageBytes);
    if (key === undefined || !answer.repeatable) return message;
    if (this.#kept.size >= keptEntries) this.#kept.clear();
    this.#kept.set(key, { message, source, type, rcode });
    return Buffer.from(message);
  }

  #refuse(id: number, rcode: Rcode, transport: Transport): Buffer {
    this.#options.counted(transport, 'refused', 'other', rcode);
    return writeRefusal(id, rcode);
  }
}
