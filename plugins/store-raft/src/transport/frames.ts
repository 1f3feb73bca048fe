/** Frames on a connection: length of what follows (u32, big-endian), kind (u8), payload. */

/** Never reuse a number. */
export const frameKind = {
  hello: 1,
  ping: 2,
  control: 3,
  appendRequest: 4,
  appendResponse: 5,
  heartbeatRequest: 6,
  heartbeatResponse: 7,
  snapshotRequest: 8,
  forwardRequest: 9,
  forwardRefusal: 10,
  call: 11,
  answer: 12,
  failure: 13,
  readRequest: 14,
  readResponse: 15,
} as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

const lengthBytes = 4;
/** Length and kind. */
export const frameHeadBytes = 5;
const firstBodyBytes = 64 * 1024;

/** A frame around a payload that exists already. */
export function frameOf(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + payload.byteLength);
  frame.writeUInt32BE(payload.byteLength + 1, 0);
  frame[lengthBytes] = kind;
  frame.set(payload, frameHeadBytes);
  return frame;
}

/** One whole frame. `kind` is not checked. */
export interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
  /** No one else uses the memory of the payload: parts of it may be kept. */
  readonly owned: boolean;
}

/** Cuts a stream of bytes into frames. Holds one frame that is not complete, and never much more than came of it. */
export class FrameReader {
  /** Longest frame that is taken. May change between frames. */
  maxBytes: number;
  readonly #head: Buffer = Buffer.alloc(frameHeadBytes);
  #headBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #needBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Bytes of the frame that is not complete. */
  get heldBytes(): number {
    return this.#headBytes + (this.#body?.length ?? 0);
  }

  /** Hands out every frame that is complete now, until `onFrame` returns false. Returns what is wrong with the stream, if anything. */
  push(chunk: Buffer, onFrame: (frame: Frame) => boolean): string | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const whole = this.#wholeFrame(chunk, at);
        if (whole !== undefined) {
          at += whole.payload.length + frameHeadBytes;
          if (!onFrame(whole)) return undefined;
          continue;
        }
        at += this.#readHead(chunk, at);
        if (this.#headBytes < frameHeadBytes) return undefined;
        const problem = this.#beginBody();
        if (problem !== undefined) return problem;
      }
      at += this.#readBody(chunk, at);
      if (this.#bodyBytes === this.#needBytes && !onFrame(this.#takeBody())) return undefined;
    }
    return undefined;
  }

  /** The usual case: nothing is held, and a whole frame lies in the chunk. */
  #wholeFrame(chunk: Buffer, at: number): Frame | undefined {
    if (this.#headBytes > 0 || chunk.length - at < frameHeadBytes) return undefined;
    const length = chunk.readUInt32BE(at);
    if (length < 1 || length + lengthBytes > Math.min(this.maxBytes, chunk.length - at)) return undefined;
    const payload = chunk.subarray(at + frameHeadBytes, at + lengthBytes + length);
    return { kind: chunk[at + lengthBytes] as number, payload, owned: false };
  }

  #readHead(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#head, this.#headBytes, at);
    this.#headBytes += taken;
    return taken;
  }

  #beginBody(): string | undefined {
    const length = this.#head.readUInt32BE(0);
    if (length < 1) return 'a frame is empty';
    if (length + lengthBytes > this.maxBytes)
      return `a frame of ${length + lengthBytes} bytes is longer than ${this.maxBytes}`;
    this.#needBytes = length - 1;
    this.#bodyBytes = 0;
    this.#body = Buffer.allocUnsafe(Math.min(this.#needBytes, firstBodyBytes));
    return undefined;
  }

  #readBody(chunk: Buffer, at: number): number {
    let body = this.#body as Buffer;
    const taken = Math.min(this.#needBytes - this.#bodyBytes, chunk.length - at);
    const end = this.#bodyBytes + taken;
    if (end > body.length) {
      // What a peer announces is not allocated before it comes.
      const larger = Buffer.allocUnsafe(Math.min(this.#needBytes, Math.max(end, body.length * 2)));
      body.copy(larger, 0, 0, this.#bodyBytes);
      this.#body = larger;
      body = larger;
    }
    chunk.copy(body, this.#bodyBytes, at, at + taken);
    this.#bodyBytes = end;
    return taken;
  }

  #takeBody(): Frame {
    const frame = { kind: this.#head[lengthBytes] as number, payload: this.#body as Buffer, owned: true };
    this.#body = undefined;
    this.#headBytes = 0;
    return frame;
  }
}
