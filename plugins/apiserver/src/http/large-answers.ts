/** Answers that are too large to be handed to the connection at once. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { drained } from './drained.ts';

/** As in Kubernetes: below, packing costs more than sending. */
const gzipFromBytes = 128 * 1024;

export function wantsGzip({ headers }: IncomingMessage, bytes: number): boolean {
  if (bytes < gzipFromBytes) return false;
  const accepted = headers['accept-encoding'];
  return typeof accepted === 'string' && /(?:^|[\s,])gzip(?:\s*;\s*q=(?:0\.\d*[1-9]|1)\d*)?\s*(?:,|$)/.test(accepted);
}

/** Packs by the threads of the process, at the quickest level. */
export function writeGzipped(response: ServerResponse, pieces: Iterable<Buffer>): void {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  // A client that went away ends it, and its answer with it.
  pipeline(Readable.from(pieces, { objectMode: false }), gzip, response, () => undefined);
}

/** Waits for the client between two pieces. Never rejects. */
export async function writePieces(response: ServerResponse, pieces: Iterable<Buffer>): Promise<void> {
  const iterator = pieces[Symbol.iterator]();
  let piece = iterator.next();
  while (piece.done !== true) {
    const next = iterator.next();
    if (response.destroyed || response.socket?.destroyed === true) return;
    if (next.done === true) response.end(piece.value);
    else if (!response.write(piece.value)) await drained(response);
    piece = next;
  }
}
