/** A change of one object, shared by all watchers: the line that is sent to them is made once. */
import type { StoredObject } from './stored-object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface CacheEvent {
  readonly type: EventType;
  readonly revision: number;
  /** After the change; for DELETED the last state at the revision of the deletion. */
  readonly stored: StoredObject;
  /** Before the change. */
  readonly previous: StoredObject | undefined;
}

/** What a line is made from. An event is one, for all watchers that see it as it is; what has no revision is of one watcher. */
export interface Shown {
  readonly type: EventType;
  readonly stored: StoredObject;
}

const openings = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
} as const;
const closing = Buffer.from('}\n');

/** Watchers send an event at nearly the same time: the lines of the latest ones are enough. */
const linesKept = 256;
const bytesKept = 4 * 1024 * 1024;
const largestKept = bytesKept / 4;
const lines = new Map<Shown, Buffer>();
let bytes = 0;

function makeLine({ type, stored }: Shown): Buffer {
  const opening = openings[type];
  const line = Buffer.allocUnsafe(opening.length + stored.wireBytes + closing.length);
  opening.copy(line);
  const end = stored.writeWire(line, opening.length);
  closing.copy(line, end);
  return line;
}

function keep(shown: Shown, line: Buffer): void {
  lines.set(shown, line);
  bytes += line.length;
  while (lines.size > linesKept || bytes > bytesKept) {
    const [oldest] = lines;
    if (oldest === undefined) return;
    lines.delete(oldest[0]);
    bytes -= oldest[1].length;
  }
}

/** Nobody shares what was made for one watcher: what is there at its beginning, what its selector or a view made of an event. */
function isShared(shown: Shown): boolean {
  return 'revision' in shown;
}

/** The line of a JSON watch stream. */
export function eventLine(shown: Shown): Buffer {
  if (!isShared(shown)) return makeLine(shown);
  let line = lines.get(shown);
  if (line === undefined) {
    line = makeLine(shown);
    if (line.length <= largestKept) keep(shown, line);
  }
  return line;
}
