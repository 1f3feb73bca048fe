/** Finds in a history what breaks lines 2, 3, 6, 7, 9 and 10. The store's own changes are the one order of all that happened. */
import {
  textOf,
  Timeline,
  type Change,
  type History,
  type ObjectState,
  type Operation,
  type Problem,
} from './history.ts';
import { watchProblems } from './history-watches.ts';

export function problemsOf(history: History): Problem[] {
  const checker = new Checker(history);
  return [...checker.problems(), ...history.watches.flatMap((watch) => watchProblems(watch, history))];
}

const isWrite = ({ verb }: Operation): boolean => verb !== 'get' && verb !== 'list';
const succeeded = ({ status }: Operation): boolean => status >= 200 && status < 300;
/** Nobody knows whether it happened. */
const isOpen = ({ status }: Operation): boolean => status === 0 || status >= 500;

class Checker {
  readonly #history: History;
  readonly #timeline: Timeline;
  readonly #changeAt = new Map<number, Change>();
  readonly #deletions = new Map<string, Change>();
  /** The newest revision that each answer proves to have been reached. */
  readonly #proven = new Map<Operation, number>();
  readonly #problems: Problem[] = [];

  constructor(history: History) {
    this.#history = history;
    this.#timeline = new Timeline(history.changes);
    for (const change of history.changes) {
      this.#changeAt.set(change.revision, change);
      if (change.type === 'delete') this.#deletions.set(change.object.uid, change);
    }
    for (const operation of history.operations) {
      const { object, list, deletedUid = '' } = operation;
      const deletion = this.#deletions.get(deletedUid)?.revision;
      this.#proven.set(operation, Math.max(0, object?.version ?? 0, list?.version ?? 0, deletion ?? 0));
    }
  }

  problems(): readonly Problem[] {
    for (const operation of this.#history.operations) {
      if (isWrite(operation)) this.#checkWrite(operation);
      else this.#checkRead(operation);
    }
    this.#checkChanges();
    return this.#problems;
  }

  #add(line: number, operation: Operation | undefined, text: string): void {
    const { client, server, verb, name, calledAt } = operation ?? {};
    const who = operation === undefined ? '' : `${client} at server ${server}, ${verb} ${name} (${calledAt}): `;
    this.#problems.push({ line, text: `${who}${text}` });
  }

  #provenBy(operation: Operation): number {
    return this.#proven.get(operation) ?? 0;
  }

  /** The revisions at which the operation can have happened: after all that had returned, before all that was called later. */
  #window(operation: Operation): { readonly first: number; readonly last: number } {
    let first = this.#history.begin;
    let last = Number.MAX_SAFE_INTEGER;
    for (const other of this.#history.operations) {
      if (other.returnedAt < operation.calledAt) first = Math.max(first, this.#provenBy(other));
      if (other.calledAt > operation.returnedAt && this.#changedSomething(other)) {
        last = Math.min(last, this.#provenBy(other) - 1);
      }
    }
    return { first, last };
  }

  #changedSomething(operation: Operation): boolean {
    if (!succeeded(operation)) return false;
    return operation.token !== undefined || operation.deletedUid !== undefined;
  }

  #states(operation: Operation): (ObjectState | undefined)[] {
    const { first, last } = this.#window(operation);
    return this.#timeline.between(operation.name, first, last);
  }

  #checkRead(operation: Operation): void {
    // Refused because the server was behind, or because it has forgotten that: both are allowed with a version.
    if (operation.sentVersion !== undefined && (operation.status === 504 || operation.status === 410)) return;
    const isMissing = operation.verb === 'get' && operation.status === 404;
    if (!succeeded(operation) && !isMissing) this.#add(2, operation, `refused with ${operation.status}`);
    else if (operation.verb === 'get') this.#checkGet(operation);
    else this.#checkList(operation);
  }

  #checkGet(operation: Operation): void {
    const { sentVersion, object, name } = operation;
    const { first, last } = this.#window(operation);
    const from = sentVersion === undefined ? first : Math.max(this.#history.begin, sentVersion);
    const possible = this.#timeline.between(name, from, last).map(textOf);
    if (!possible.includes(textOf(object)))
      this.#add(
        sentVersion === undefined ? 2 : 3,
        operation,
        `saw ${textOf(object)}, possible: ${possible.join(', ')}`,
      );
  }

  #checkList(operation: Operation): void {
    const { sentVersion, list, isExact = false } = operation;
    if (list === undefined) return this.#add(3, operation, 'a list without a version');
    const { first, last } = this.#window(operation);
    const line = sentVersion === undefined ? 2 : 3;
    if (list.version < (sentVersion ?? first)) this.#add(line, operation, `version ${list.version} is of the past`);
    if (list.version > last) this.#add(line, operation, `version ${list.version} was not reached yet`);
    if (isExact && list.version !== sentVersion)
      this.#add(3, operation, `version ${list.version} is not ${sentVersion}`);
    for (const { version, name } of list.items)
      if (version > list.version) this.#add(10, operation, `${name} is newer than its list`);
    const expected = this.#timeline.all(list.version).map(textOf).join('; ');
    const seen = list.items.map(textOf).join('; ');
    if (seen !== expected) this.#add(line, operation, `at ${list.version} saw ${seen}, but it was ${expected}`);
  }

  #checkWrite(operation: Operation): void {
    if (isOpen(operation)) return;
    if (!succeeded(operation)) this.#checkRefusal(operation);
    else if (operation.verb === 'delete') this.#checkDeletion(operation);
    else if (operation.token === undefined) this.#checkNoChange(operation);
    else this.#checkChange(operation, operation.token);
  }

  #checkChange(operation: Operation, token: string): void {
    const { object, client, sentVersion, verb, name } = operation;
    const change = this.#changeAt.get(object?.version ?? 0);
    if (change?.type !== 'put' || textOf(change.object) !== textOf(object) || object?.data[client] !== token) {
      return this.#add(9, operation, `acknowledged ${textOf(object)}, stored is ${textOf(change?.object)}`);
    }
    const { first } = this.#window(operation);
    if (change.revision <= first) this.#add(10, operation, `version ${change.revision} is not after ${first}`);
    const before = this.#timeline.at(name, change.revision - 1);
    if (verb === 'create' && before !== undefined) this.#add(9, operation, `there was ${textOf(before)}`);
    if (sentVersion !== undefined && before?.version !== sentVersion)
      this.#add(9, operation, `wrote over ${textOf(before)} with version ${sentVersion}`);
    if (verb !== 'patch') return;
    const wanted = textOf({ ...object, data: { ...before?.data, [client]: token } });
    if (wanted !== textOf(object)) this.#add(9, operation, `made ${textOf(object)} of ${textOf(before)}: lost update`);
  }

  #checkNoChange(operation: Operation): void {
    const possible = this.#states(operation).map(textOf);
    if (!possible.includes(textOf(operation.object)))
      this.#add(9, operation, `changed nothing of ${textOf(operation.object)}, possible: ${possible.join(', ')}`);
  }

  #checkDeletion(operation: Operation): void {
    const { deletedUid = '', sentVersion, name } = operation;
    const deletion = this.#deletions.get(deletedUid);
    if (deletion === undefined) return this.#add(9, operation, `deleted ${deletedUid}, but the store did not`);
    const before = this.#timeline.at(name, deletion.revision - 1);
    if (sentVersion !== undefined && before?.version !== sentVersion)
      this.#add(9, operation, `deleted ${textOf(before)} on condition of version ${sentVersion}`);
  }

  /** Whether there was a reason for the refusal at some time while it was decided. */
  #checkRefusal(operation: Operation): void {
    const { status, verb, sentVersion, token } = operation;
    const states = this.#states(operation);
    let isRight = false;
    if (status === 404) isRight = states.includes(undefined);
    else if (status === 409 && verb === 'create') isRight = states.some((state) => state !== undefined);
    else if (status === 409) {
      // Without a version: too many writers at once.
      isRight = sentVersion === undefined || states.some((state) => state?.version !== sentVersion);
    }
    if (!isRight) this.#add(9, operation, `refused with ${status}, but it was ${states.map(textOf).join(', ')}`);
    if (token === undefined) return;
    const done = this.#history.changes.find(({ object }) => object.data[operation.client] === token);
    if (done !== undefined) this.#add(9, operation, `refused with ${status}, and done at ${done.revision}`);
  }

  /** Every change is somebody's, and changes something. */
  #checkChanges(): void {
    const { operations, changes, begin } = this.#history;
    const open = operations.some((operation) => isWrite(operation) && isOpen(operation));
    const acknowledged = new Map<number, number>();
    for (const operation of operations.filter((one) => this.#changedSomething(one))) {
      const revision = this.#provenBy(operation);
      acknowledged.set(revision, (acknowledged.get(revision) ?? 0) + 1);
    }
    for (const { revision, type, object } of changes) {
      const count = acknowledged.get(revision) ?? 0;
      if (count > 1 || (count === 0 && !open)) this.#add(9, undefined, `revision ${revision} is of ${count} writes`);
      const before = this.#timeline.at(object.name, Math.max(begin, revision - 1));
      if (type === 'put' && before !== undefined && textOf({ ...before, version: revision }) === textOf(object))
        this.#add(9, undefined, `revision ${revision} changed nothing of ${textOf(object)}`);
    }
  }
}
