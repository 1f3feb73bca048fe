/** A list from the bytes of its items, put together while it is sent: a client that reads slowly holds one piece, not the list. */
import type { StoredObject } from '../cache/stored-object.ts';
import type { Kind } from '../kinds/kind-table.ts';
import type { Pieces } from './answers.ts';

const pieceBytes = 256 * 1024;
const comma = 0x2c;
const opening = ',"items":[';
const closing = ']}';

export function listBody(
  { definition, apiVersion }: Pick<Kind, 'definition' | 'apiVersion'>,
  metadata: Readonly<Record<string, unknown>>,
  items: readonly StoredObject[],
): Pieces {
  const head = JSON.stringify({ kind: `${definition.kind}List`, apiVersion, metadata }).slice(0, -1);
  const first = Buffer.from(`${head}${opening}`);
  const sizes = items.map((stored) => stored.wireBytes);
  const commas = Math.max(0, items.length - 1);
  const bytes = sizes.reduce((sum, size) => sum + size, first.length + commas + closing.length);
  return { bytes, pieces: piecesOf(first, items, sizes, bytes) };
}

function* piecesOf(
  first: Buffer,
  items: readonly StoredObject[],
  sizes: readonly number[],
  bytes: number,
): Generator<Buffer, void, undefined> {
  let left = bytes;
  let piece = Buffer.allocUnsafe(Math.min(left, Math.max(pieceBytes, first.length)));
  let end = first.copy(piece);
  for (const [at, stored] of items.entries()) {
    // Room for the comma, the item and the end of the list.
    const wanted = 1 + (sizes[at] ?? 0) + closing.length;
    if (end + wanted > piece.length) {
      yield piece.subarray(0, end);
      left -= end;
      piece = Buffer.allocUnsafe(Math.min(left, Math.max(pieceBytes, wanted)));
      end = 0;
    }
    if (at > 0) {
      piece[end] = comma;
      end += 1;
    }
    end = stored.writeWire(piece, end);
  }
  end += piece.write(closing, end, 'latin1');
  yield piece.subarray(0, end);
}
