/** gRPC's framing of messages: a byte that says whether it is compressed, the length (u32, big-endian), the message. */
import { RpcError, rpcStatus } from './rpc-error.ts';

const headBytes = 5;

export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.byteLength);
  frame[0] = 0;
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, headBytes);
  return frame;
}

/** Cuts a stream of bytes into messages. */
export class FrameReader {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole message, copied out of the chunks; undefined when more bytes are due. @throws RpcError */
  take(): Buffer | undefined {
    if (this.#size < headBytes) return undefined;
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= headBytes ? first : this.#join();
    const length = head.readUInt32BE(1);
    if (head[0] !== 0) throw new RpcError(rpcStatus.internal, 'etcd sent a compressed message, which nobody asked for');
    if (length > this.#limitBytes) {
      throw new RpcError(
        rpcStatus.resourceExhausted,
        `received message larger than max (${length} vs. ${this.#limitBytes} bytes)`,
      );
    }
    if (this.#size < headBytes + length) return undefined;
    const all = this.#join();
    const rest = all.subarray(headBytes + length);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    // A copy: a small message must not hold the whole chunk in memory.
    return Buffer.from(all.subarray(headBytes, headBytes + length));
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const all = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [all];
    return all;
  }
}
