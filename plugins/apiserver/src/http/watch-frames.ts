/**
 * The bytes that go out to a watch, in chunks of HTTP/1.1 (RFC 9112, 7.1). Watches that want the same send the same frames at the same
 * time, mostly: the last ones are kept, so that they are put together once and not for each.
 */
const lineEnd = Buffer.from('\r\n');

/** One chunk of these lines. */
function chunkOf(lines: readonly Buffer[], bytes: number): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`, 'latin1'), ...lines, lineEnd]);
}

interface Frame {
  readonly lines: readonly Buffer[];
  readonly chunk: Buffer;
}

const framesKept = 8;
const keptBytes = 64 * 1024;
const kept: Frame[] = [];

function isSame(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((line, at) => line === b[at]);
}

/** The chunk of these lines, shared with whoever sent the same a moment ago. `chunked`: not with HTTP/1.0, which ends by closing. */
export function frameOf(lines: readonly Buffer[], bytes: number, chunked: boolean): Buffer {
  if (!chunked) return Buffer.concat(lines);
  if (bytes > keptBytes) return chunkOf(lines, bytes);
  const found = kept.find((frame) => isSame(frame.lines, lines));
  if (found !== undefined) return found.chunk;
  const chunk = chunkOf(lines, bytes);
  kept.unshift({ lines, chunk });
  if (kept.length > framesKept) kept.pop();
  return chunk;
}
