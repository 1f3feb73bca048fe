import type { WatchRecord } from '../checkers/watches.ts';
import type { Wire, WatchPart } from '../cluster/wire.ts';
import type { ClientWorld } from './client.ts';

/**
 * Follows a range from member to member: it goes on behind the last revision that it was given. When its place was compacted
 * it begins a new record behind the compacted revision.
 */
export class Watcher {
  readonly records: WatchRecord[] = [];
  readonly #name: string;
  readonly #range: { readonly from: string; readonly to: string };
  readonly #world: ClientWorld;
  #next: number;
  #streams = 0;
  #stream = '';
  #member = '';
  #parts = 0;
  #server: string | undefined;
  #heardAtMs = 0;

  constructor(name: string, range: { readonly from: string; readonly to: string }, world: ClientWorld) {
    this.#name = name;
    this.#range = range;
    this.#world = world;
    this.#next = 2;
    this.#begin(2);
    world.network.listen(name, (_from, wire) => this.#receive(wire));
    this.#connect();
    this.#guardIdle();
  }

  get record(): WatchRecord {
    return this.records.at(-1) as WatchRecord;
  }

  /** How far the bookmarks got. */
  get progress(): number {
    const last = this.record.deliveries.findLast((delivery) => delivery.type === 'progress');
    return last?.type === 'progress' ? last.revision : 0;
  }

  #begin(startRevision: number): void {
    const name = `${this.#name}.${this.records.length}`;
    this.records.push({ name, ...this.#range, startRevision, deliveries: [] });
    this.#next = startRevision;
  }

  #connect(): void {
    this.#stream = `${this.#name}~${++this.#streams}`;
    this.#parts = 0;
    this.#server = undefined;
    this.#heardAtMs = this.#world.scheduler.nowMs;
    const { from, to } = this.#range;
    this.#member = this.#world.random.pick(this.#world.members());
    this.#world.detail(() => `${this.#stream} from ${this.#next} at ${this.#member}`);
    this.#world.network.send(this.#name, this.#member, {
      type: 'request',
      request: { type: 'watch', stream: this.#stream, from, to, startRevision: this.#next },
    });
  }

  #guardIdle(): void {
    this.#world.scheduler.after(100, () => {
      // Now and then it moves without need: members must agree about the place.
      const idle = this.#world.scheduler.nowMs - this.#heardAtMs > 400;
      const left = !this.#world.members().includes(this.#member);
      if (idle || left || this.#world.random.chance(0.05)) this.#connect();
      this.#guardIdle();
    });
  }

  #receive(wire: Wire): void {
    if (wire.type !== 'reply' || wire.reply.type !== 'watched' || wire.reply.stream !== this.#stream) return;
    const { number, part, server } = wire.reply;
    this.#server ??= server;
    if (number < this.#parts || server !== this.#server) return;
    if (number > this.#parts) return this.#connect();
    this.#parts += 1;
    this.#heardAtMs = this.#world.scheduler.nowMs;
    this.#take(part);
  }

  #take(part: WatchPart): void {
    this.#world.detail(() => `${this.#stream} ${JSON.stringify(part)}`);
    const at = this.#world.history.tick();
    switch (part.type) {
      case 'changes':
        this.record.deliveries.push({ type: 'changes', at, changes: part.changes });
        this.#next = (part.changes.at(-1)?.revision ?? this.#next - 1) + 1;
        return;
      case 'progress':
        this.record.deliveries.push({ type: 'progress', at, revision: part.revision });
        this.#next = Math.max(this.#next, part.revision + 1);
        return;
      case 'compacted':
        this.#begin(part.compactedRevision + 1);
        this.#connect();
    }
  }
}
