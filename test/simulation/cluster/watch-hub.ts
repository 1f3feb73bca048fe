import type { KvMachine } from './kv-machine.ts';
import type { WatchPart } from './wire.ts';

interface Watcher {
  readonly from: string;
  readonly to: string;
  readonly send: (number: number, part: WatchPart) => void;
  next: number;
  count: number;
}

/** The watches of one member. They read the machine's history, so it does not matter how the machine got there. */
export class WatchHub {
  readonly #watchers = new Map<string, Watcher>();

  /** A second request for the same stream is a doubled message. */
  open(stream: string, range: { from: string; to: string; startRevision: number }, send: Watcher['send']): void {
    if (this.#watchers.has(stream)) return;
    this.#watchers.set(stream, { from: range.from, to: range.to, send, next: range.startRevision, count: 0 });
  }

  /** Sends what is new to each watcher. To be called after every change of the machine. */
  flush(machine: KvMachine): void {
    for (const [stream, watcher] of this.#watchers) {
      if (watcher.next > machine.revision) continue;
      const changes = machine.changesFrom(watcher.next);
      if (changes === undefined) {
        watcher.send(watcher.count++, { type: 'compacted', compactedRevision: machine.compactedRevision });
        this.#watchers.delete(stream);
        continue;
      }
      const wanted = changes
        .map(({ revision, events }) => ({
          revision,
          events: events.filter(({ kv }) => kv.key >= watcher.from && kv.key < watcher.to),
        }))
        .filter(({ events }) => events.length > 0);
      watcher.next = machine.revision + 1;
      if (wanted.length > 0) watcher.send(watcher.count++, { type: 'changes', changes: wanted });
    }
  }

  /** A bookmark for each watcher; one that waits for a revision to come is told nothing that it does not know. */
  progress(machine: KvMachine): void {
    this.flush(machine);
    for (const watcher of this.#watchers.values()) {
      if (watcher.next !== machine.revision + 1) continue;
      watcher.send(watcher.count++, { type: 'progress', revision: machine.revision });
    }
  }
}
