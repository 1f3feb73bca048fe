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

const openings = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
} as const;
const closing = Buffer.from('}\n');
const lines = new WeakMap<StoredObject, Partial<Record<EventType, Buffer>>>();

/** The line of a JSON watch stream. */
export function eventLine(type: EventType, stored: StoredObject): Buffer {
  let made = lines.get(stored);
  if (made === undefined) lines.set(stored, (made = {}));
  return (made[type] ??= Buffer.concat([openings[type], stored.wire, closing]));
}
