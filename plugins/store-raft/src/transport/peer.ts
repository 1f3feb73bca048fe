/** One other member: the connections to it and the choice among them. */
import type { MemberId } from '../raft/index.ts';
import type { Calls } from './calls.ts';
import type { Connection, Direction } from './connection.ts';
import type { Dialer } from './dialer.ts';
import type { QueueUse } from './outbox.ts';

export interface Line {
  readonly connection: Connection;
  readonly calls: Calls;
}

export class Peer {
  readonly id: MemberId;
  readonly use: QueueUse = { bytes: 0, messages: 0 };
  /** Present while it is one of the peers that were set. */
  dialer: Dialer | undefined;
  readonly #lines: { [direction in Direction]?: Line } = {};

  constructor(id: MemberId) {
    this.id = id;
  }

  /** The one we opened, else the one that the member opened: it may be there before we know where the member is. */
  get line(): Line | undefined {
    return this.#lines.outgoing ?? this.#lines.incoming;
  }

  /** Connections whose greetings were exchanged. */
  get lines(): readonly Line[] {
    return [this.#lines.outgoing, this.#lines.incoming].filter((line) => line !== undefined);
  }

  /** A newer connection replaces one in the same direction: the other side has given that up. */
  add(line: Line): void {
    const { direction } = line.connection;
    const former = this.#lines[direction];
    this.#lines[direction] = line;
    former?.connection.close('it opened another connection');
  }

  remove(connection: Connection): void {
    const { direction } = connection;
    if (this.#lines[direction]?.connection === connection) delete this.#lines[direction];
  }
}
