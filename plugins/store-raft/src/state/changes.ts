import type { StoreEvent } from '@timonel/sdk/contracts/store';
import { Packr } from 'msgpackr';

/** Which keys one revision changed. Their versions lie in `current` and `history`. */
export interface Change {
  readonly type: StoreEvent['type'];
  readonly key: string;
}

const packr = new Packr({ useRecords: false });

/** A flat list: for each change 0 (put) or 1 (delete), then its key. The numbers are stored: never change them. */
export function packChanges(events: readonly StoreEvent[]): Buffer {
  return packr.pack(events.flatMap((event) => [event.type === 'put' ? 0 : 1, event.kv.key]));
}

export function unpackChanges(bytes: Buffer): Change[] {
  const flat = packr.unpack(bytes) as (number | string)[];
  const changes: Change[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    changes.push({ type: flat[at] === 0 ? 'put' : 'delete', key: String(flat[at + 1]) });
  }
  return changes;
}
