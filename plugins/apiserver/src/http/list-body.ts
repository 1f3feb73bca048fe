/** A list from the bytes of its items, put together while it is sent: a client that reads slowly holds one piece, not the list. */
import type { StoredObject } from '../cache/stored-object.ts';
import type { Kind } from '../kinds/kind-table.ts';
import type { ListResult, ListState } from '../registry/reader.ts';
import type { Pieces } from './answers.ts';

const pieceBytes = 256 * 1024;
const comma = 0x2c;
const closing = ']}';

/** The items of a list with the end of it. */
type Tail = Pieces;

function tailOf(items: readonly StoredObject[]): Tail {
  const sizes = items.map((stored) => stored.wireBytes);
  const commas = Math.max(0, items.length - 1);
  const bytes = sizes.reduce((sum, size) => sum + size, commas + closing.length);
  return { bytes, pieces: piecesOf(items, sizes, bytes) };
}

function* piecesOf(
  items: readonly StoredObject[],
  sizes: readonly number[],
  bytes: number,
): Generator<Buffer, void, undefined> {
  // The first item has no comma before it, but room for one.
  let left = bytes + 1;
  let piece = Buffer.allocUnsafe(Math.min(left, pieceBytes));
  let end = 0;
  for (const [at, stored] of items.entries()) {
    // Room for the comma, the item and the end of the list.
    const wanted = 1 + (sizes[at] ?? 0) + closing.length;
    if (end + wanted > piece.length) {
      if (end > 0) yield piece.subarray(0, end);
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

/** Larger lists are put together each time. */
const keptBytes = 16 * 1024 * 1024;
/** The list that was asked for last: its pieces are kept when it is asked for again, unchanged. At most one list of the process. */
let last: { readonly state: ListState; readonly tail: Tail | undefined } | undefined;

function isSame(a: ListState, b: ListState): boolean {
  return a.cache === b.cache && a.version === b.version && a.namespace === b.namespace;
}

/** Clients that begin anew at the same time ask for the same list, many times over. */
function sharedTail({ items, state }: Pick<ListResult, 'items' | 'state'>): Tail {
  if (state === undefined) return tailOf(items);
  if (last === undefined || !isSame(last.state, state)) {
    last = { state, tail: undefined };
    return tailOf(items);
  }
  if (last.tail !== undefined) return last.tail;
  const tail = tailOf(items);
  if (tail.bytes > keptBytes) return tail;
  const kept = { bytes: tail.bytes, pieces: [...tail.pieces] };
  last = { state, tail: kept };
  return kept;
}

export function listBody(
  { definition, apiVersion }: Pick<Kind, 'definition' | 'apiVersion'>,
  metadata: Readonly<Record<string, unknown>>,
  result: Pick<ListResult, 'items' | 'state'>,
): Pieces {
  const head = JSON.stringify({ kind: `${definition.kind}List`, apiVersion, metadata }).slice(0, -1);
  const first = Buffer.from(`${head},"items":[`);
  const { bytes, pieces } = sharedTail(result);
  return { bytes: first.length + bytes, pieces: withFirst(first, pieces) };
}

function* withFirst(first: Buffer, pieces: Iterable<Buffer>): Generator<Buffer, void, undefined> {
  // Short lists go out in one piece.
  let head: Buffer | undefined = first;
  for (const piece of pieces) {
    if (head !== undefined && piece.length < pieceBytes / 4) yield Buffer.concat([head, piece]);
    else {
      if (head !== undefined) yield head;
      yield piece;
    }
    head = undefined;
  }
}
