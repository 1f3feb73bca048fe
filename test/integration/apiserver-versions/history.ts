/** What clients did and saw, and what the store says that happened: recorded first, checked afterwards. */

export interface ObjectState {
  readonly name: string;
  readonly uid: string;
  /** Of a deletion event: the revision of the deletion. */
  readonly version: number;
  readonly side: string;
  readonly data: Readonly<Record<string, string>>;
}

export type Verb = 'create' | 'put' | 'patch' | 'delete' | 'get' | 'list';

export interface Operation {
  readonly verb: Verb;
  readonly client: string;
  readonly server: number;
  /** Empty for a list. */
  readonly name: string;
  /** A clock that all clients share: what returned at a smaller time than another was called happened before it. */
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly status: number;
  /** What the write leaves in the data under the client's name, once in a history. Absent: it changes nothing. */
  readonly token?: string | undefined;
  /** resourceVersion of the object that is put, of a read, or of the precondition of a deletion. */
  readonly sentVersion?: number | undefined;
  /** Of a read. */
  readonly isExact?: boolean;
  /** The object, or that which was deleted as far as the answer tells. */
  readonly object?: ObjectState | undefined;
  readonly deletedUid?: string | undefined;
  readonly list?: { readonly version: number; readonly items: readonly ObjectState[] } | undefined;
}

export interface SeenEvent {
  readonly type: string;
  /** Of a bookmark only the version means something. */
  readonly object: ObjectState;
  readonly endsInitial: boolean;
}

/** What one client watched, over several connections to several servers. */
export interface WatchHistory {
  readonly client: string;
  /** Only objects of this side. */
  readonly side: string | undefined;
  /** Each connection begins with the state. */
  readonly withState: boolean;
  readonly connections: { readonly server: number; readonly from: number; readonly events: SeenEvent[] }[];
}

/** One change, as the store has it. */
export interface Change {
  readonly revision: number;
  readonly type: 'put' | 'delete';
  /** After a put; before a deletion. */
  readonly object: ObjectState;
}

export interface History {
  /** There was no object at this revision. */
  readonly begin: number;
  readonly operations: readonly Operation[];
  readonly watches: readonly WatchHistory[];
  readonly changes: readonly Change[];
}

export interface Problem {
  readonly line: number;
  readonly text: string;
}

export function textOf(state: ObjectState | undefined): string {
  if (state === undefined) return 'absent';
  const data = Object.entries(state.data).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${state.name} ${state.uid} ${state.version} ${state.side} ${JSON.stringify(data)}`;
}

/** The states of each object over the revisions. */
export class Timeline {
  readonly #changes = new Map<string, Change[]>();

  constructor(changes: readonly Change[]) {
    for (const change of changes) {
      const { name } = change.object;
      this.#changes.set(name, [...(this.#changes.get(name) ?? []), change]);
    }
  }

  at(name: string, revision: number): ObjectState | undefined {
    const last = this.#changes.get(name)?.findLast((change) => change.revision <= revision);
    return last?.type === 'put' ? last.object : undefined;
  }

  all(revision: number): ObjectState[] {
    const states = [...this.#changes.keys()].toSorted().map((name) => this.at(name, revision));
    return states.filter((state) => state !== undefined);
  }

  /** All states of the object at the revisions from `first` to `last`. */
  between(name: string, first: number, last: number): (ObjectState | undefined)[] {
    const inside = (this.#changes.get(name) ?? []).filter(({ revision }) => revision > first && revision <= last);
    return [this.at(name, first), ...inside.map(({ type, object }) => (type === 'put' ? object : undefined))];
  }
}
