/** Header blocks: names and values, compressed by one zlib stream for each direction of a connection. */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { dictionary } from './dictionary.ts';

const blockLimitBytes = 64 * 1024;
const headersLimit = 100;

/** @throws Error when the block is not what it should be */
export function parseHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new Error('a header block ends too early');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (length > block.length - at) throw new Error('a header block ends too early');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const count = number();
  if (count > headersLimit) throw new Error('a header block has too many headers');
  for (let index = 0; index < count; index += 1) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

function formatHeaders(headers: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  const number = (value: number): void => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    parts.push(bytes);
  };
  number(headers.size);
  for (const text of [...headers].flat()) {
    const bytes = Buffer.from(text, 'utf8');
    number(bytes.length);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** One direction. Blocks must be given one after another: each depends on those before. */
class Compression {
  readonly #zlib: Deflate | Inflate;
  #failure: Error | undefined;

  constructor(zlib: Deflate | Inflate) {
    this.#zlib = zlib;
    zlib.on('error', (error) => (this.#failure ??= error));
  }

  async run(input: Buffer): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      // A few bytes can grow to very many.
      if (bytes <= blockLimitBytes) chunks.push(chunk);
      else {
        this.#failure ??= new Error('a header block is too large');
        this.#zlib.destroy();
      }
    };
    this.#zlib.on('data', take);
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (): void => reject(this.#failure ?? new Error('the connection is closed'));
        if (this.#zlib.destroyed) {
          fail();
          return;
        }
        this.#zlib.once('close', fail);
        this.#zlib.write(input, (error) => {
          this.#zlib.off('close', fail);
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      });
    } finally {
      this.#zlib.off('data', take);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return Buffer.concat(chunks);
  }

  end(): void {
    this.#zlib.destroy();
  }
}

export class HeaderBlocks {
  readonly #inflate = new Compression(createInflate({ dictionary, flush: constants.Z_SYNC_FLUSH }));
  // Blocks are small: so are the window and the tables.
  readonly #deflate = new Compression(
    createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH, windowBits: 11, memLevel: 1 }),
  );

  async decode(block: Buffer): Promise<Map<string, string>> {
    return parseHeaders(await this.#inflate.run(block));
  }

  async encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    return this.#deflate.run(formatHeaders(headers));
  }

  end(): void {
    this.#inflate.end();
    this.#deflate.end();
  }
}
