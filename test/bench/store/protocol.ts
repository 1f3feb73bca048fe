/**
 * How the benchmark's clients speak to a store of ours: frames of a length (u32, big-endian) and a body. A request is an
 * id (u32), an operation (u8), the length of the key (u16), the key, the value. An answer is the id, a byte that is 0 for
 * success and 1 for failure, and the payload or the text of the error.
 */
export const operations = {
  put: 1,
  get: 2,
  getSerializable: 3,
  range: 4,
  watch: 5,
  /** The key is the prefix of the keys, the value a `Fill` as JSON. */
  fill: 6,
  /** The answer is a `MemberState` as JSON. */
  status: 7,
  /** The value is `{id, name, peerUrl}` as JSON. */
  addMember: 8,
  /** The answer is the longest stall of the event loop since it was last asked, in ms, as JSON. The first call begins it. */
  stall: 9,
} as const;
export type OperationName = keyof typeof operations;

export interface Fill {
  readonly count: number;
  readonly valueBytes: number;
}

export interface MemberState {
  readonly memberId: string;
  readonly leaderId: string | undefined;
  readonly voters: number;
  readonly revision: number;
  readonly compactedRevision: number;
}

/** What the server process is started with. */
export interface ServerOptions {
  readonly plugin: string;
  readonly dataDir: string;
  readonly config: object;
}

/** A histogram of event-loop delays counts from one tick of its timer to the next: what is beyond this period is a stall. */
export const stallResolutionMs = 10;

/** Keys of a fill. */
export const filledKey = (prefix: string, at: number): string => `${prefix}${String(at).padStart(7, '0')}`;
/** Puts in one txn of a fill, and txns at a time. */
export const fillPuts = 512;
export const fillTxns = 4;

export function encodeRequest(id: number, operation: OperationName, key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const frame = Buffer.allocUnsafe(11 + keyBytes + value.byteLength);
  frame.writeUInt32BE(frame.length - 4, 0);
  frame.writeUInt32BE(id, 4);
  frame[8] = operations[operation];
  frame.writeUInt16BE(keyBytes, 9);
  frame.write(key, 11);
  frame.set(value, 11 + keyBytes);
  return frame;
}

export function encodeAnswer(id: number, payload: Uint8Array, failed = false): Buffer {
  const frame = Buffer.allocUnsafe(9 + payload.byteLength);
  frame.writeUInt32BE(frame.length - 4, 0);
  frame.writeUInt32BE(id, 4);
  frame[8] = failed ? 1 : 0;
  frame.set(payload, 9);
  return frame;
}

/** The parts of an answer's body. */
export const answerId = (body: Buffer): number => body.readUInt32BE(0);
export const answerFailed = (body: Buffer): boolean => body[4] !== 0;
export const answerPayload = (body: Buffer): Buffer => body.subarray(5);

/** Calls `onFrame` with the body of each whole frame. */
export function frameReader(onFrame: (body: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0);
      onFrame(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
    rest = bytes;
  };
}
