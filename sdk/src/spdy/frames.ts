/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00 and the 3.1 notes). */

export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

const finFlag = 1;
/** Status codes of RST_STREAM. */
export const resets = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

const version = 3;
const headBytes = 8;
/** Clients send 32 KiB at a time. */
const frameLimitBytes = 1024 * 1024;

export type Frame =
  | { readonly kind: 'data'; readonly stream: number; readonly fin: boolean; readonly data: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly fin: boolean; readonly body: Buffer };

export function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + body.length);
  frame.writeUInt16BE(0x8000 | version, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt32BE(body.length, 4);
  frame[4] = flags;
  body.copy(frame, headBytes);
  return frame;
}

/** A control frame whose body is a row of 32-bit numbers, and bytes after them. */
export function numbersFrame(type: number, numbers: readonly number[], rest: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(numbers.length * 4 + rest.length);
  for (const [index, number] of numbers.entries()) body.writeUInt32BE(number, index * 4);
  rest.copy(body, numbers.length * 4);
  return controlFrame(type, 0, body);
}

export function dataFrame(stream: number, data: Buffer, fin: boolean): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + data.length);
  frame.writeUInt32BE(stream, 0);
  frame.writeUInt32BE(data.length, 4);
  frame[4] = fin ? finFlag : 0;
  data.copy(frame, headBytes);
  return frame;
}

/** Cuts bytes into frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** The frames that are complete now. @throws Error for bytes that are no SPDY/3 */
  add(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    while (this.#length >= headBytes) {
      const head = this.#peek(headBytes);
      const length = head.readUInt32BE(4) & 0xff_ff_ff;
      if (length > frameLimitBytes) throw new Error(`a frame of ${length} bytes is too long`);
      if (this.#length < headBytes + length) break;
      const bytes = this.#take(headBytes + length);
      frames.push(frameOf(bytes));
    }
    return frames;
  }

  #peek(length: number): Buffer {
    if ((this.#chunks[0]?.length ?? 0) < length) this.#chunks = [Buffer.concat(this.#chunks)];
    return (this.#chunks[0] ?? Buffer.alloc(0)).subarray(0, length);
  }

  #take(length: number): Buffer {
    const taken = this.#peek(length);
    const rest = this.#chunks[0]?.subarray(length);
    this.#chunks.shift();
    if (rest !== undefined && rest.length > 0) this.#chunks.unshift(rest);
    this.#length -= length;
    return taken;
  }
}

function frameOf(bytes: Buffer): Frame {
  const first = bytes.readUInt32BE(0);
  const fin = ((bytes[4] ?? 0) & finFlag) !== 0;
  const body = bytes.subarray(headBytes);
  if ((first & 0x80_00_00_00) === 0) return { kind: 'data', stream: first, fin, data: body };
  if (((first >>> 16) & 0x7f_ff) !== version) throw new Error('a frame is not of SPDY/3');
  return { kind: 'control', type: first & 0xff_ff, fin, body };
}
