import type { Entry, HardState, LogBase } from '../../raft/index.ts';
import type { LogWrite, RecoveredLog } from '../types.ts';

export const emptyConfiguration = { voters: [], outgoing: [], learners: [], addresses: {} } as const;

export const founded: LogBase = {
  index: 0,
  term: 0,
  configuration: { voters: ['a'], outgoing: [], learners: [], addresses: { a: '127.0.0.1:2380' } },
};

export function command(index: number, term: number, data: Uint8Array): Entry {
  return { type: 'command', index, term, data: new Uint8Array(data) };
}

/** `count` commands from `firstIndex` on. */
export function commands(firstIndex: number, count: number, term = 1, bytes = 20): readonly Entry[] {
  return Array.from({ length: count }, (_, at) => command(firstIndex + at, term, Buffer.alloc(bytes, firstIndex + at)));
}

/** The simplest log there is: what each operation means. */
export class LogModel implements RecoveredLog {
  readonly hardState: HardState;
  readonly base: LogBase;
  readonly entries: readonly Entry[];

  constructor(base: LogBase, hardState: HardState = { term: 0, votedFor: undefined }, entries: readonly Entry[] = []) {
    this.base = base;
    this.hardState = hardState;
    this.entries = entries;
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  append(writes: readonly LogWrite[]): LogModel {
    let { hardState, entries } = this as RecoveredLog;
    for (const write of writes) {
      hardState = write.hardState ?? hardState;
      const first = write.entries[0];
      if (first !== undefined) entries = [...entries.slice(0, first.index - this.base.index - 1), ...write.entries];
    }
    return new LogModel(this.base, hardState, entries);
  }

  dropUpTo(base: LogBase): LogModel {
    if (base.index <= this.base.index) return this;
    return new LogModel(base, this.hardState, this.entries.slice(base.index - this.base.index));
  }

  reset(base: LogBase): LogModel {
    return new LogModel(base, this.hardState);
  }
}

/** To compare by: the test framework takes long for byte arrays. */
export function summaryOf({ hardState, base, entries }: RecoveredLog): string {
  const lines = entries.map((entry) => {
    const bytes = entry.type === 'command' ? Buffer.from(entry.data).toString('base64') : '';
    return JSON.stringify({ ...entry, data: bytes });
  });
  return [JSON.stringify({ ...hardState, base }), ...lines].join('\n');
}
