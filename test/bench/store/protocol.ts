/**
 * How the benchmark's client speaks to a store of ours: frames of a length (u32, big-endian) and a body. A request is an
 * id (u32), an operation (u8), the length of the key (u16), the key, the value. An answer is the id and the payload.
 */
export const operations = { put: 1, get: 2, getSerializable: 3, range: 4, watch: 5 } as const;
export type OperationName = keyof typeof operations;

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

export function encodeAnswer(id: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(8 + payload.byteLength);
  frame.writeUInt32BE(frame.length - 4, 0);
  frame.writeUInt32BE(id, 4);
  frame.set(payload, 8);
  return frame;
}

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
