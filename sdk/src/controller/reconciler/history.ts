/** What a controller did last for each of its objects, and why: bounded memory for `timonel why`. */
import type { PastDecision } from '../../contracts/why/index.ts';
import type { Action, Outcome } from './actions.ts';

const objectsLimit = 2048;
const entriesLimit = 8;
const namesShown = 3;

function named(actions: readonly Action[], outcome: Outcome): string {
  const [first] = actions;
  const names = actions.flatMap((action) => {
    const object = outcome.answers.get(action) ?? ('object' in action ? action.object : undefined);
    return object?.metadata.name ?? [];
  });
  const shown = names.slice(0, namesShown).join(', ');
  const kind = first?.type.kind ?? '';
  return actions.length === 1
    ? `${kind} ${shown}`
    : `${actions.length} × ${kind} (${shown}${names.length > namesShown ? ', …' : ''})`;
}

/** Actions of one verb, type and cause are told together. */
function grouped(actions: readonly Action[]): Action[][] {
  const groups = new Map<string, Action[]>();
  for (const action of actions) {
    const id = `${action.do} ${action.type.group} ${action.type.resource} ${action.cause.code}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [action]);
    else group.push(action);
  }
  return [...groups.values()];
}

export class ActionHistory {
  readonly #by: string;
  readonly #entries = new Map<string, readonly PastDecision[]>();
  readonly #failures = new Map<string, string>();

  /** `by`: the plugin's name. */
  constructor(by: string) {
    this.#by = by;
  }

  add(key: string, time: string, outcome: Outcome): void {
    const { failure } = outcome;
    if (failure === undefined) this.#failures.delete(key);
    else this.#failures.set(key, failure.message);
    const done = [...outcome.answers.keys()].filter((action) => action.do !== 'event');
    const entries = grouped(done).map((group): PastDecision => {
      const [{ do: verb, cause }] = group as [Action];
      return {
        time,
        by: this.#by,
        outcome: verb,
        text: `${verb} ${named(group, outcome)}: ${cause.text} (${cause.code})`,
      };
    });
    if (failure !== undefined) {
      const { action } = failure;
      entries.push({
        time,
        by: this.#by,
        outcome: 'error',
        text: `${action.do} ${named([action], outcome)} (${action.cause.code}): ${failure.message}`,
      });
    }
    if (entries.length === 0) return;
    const before = this.#entries.get(key) ?? [];
    this.#entries.delete(key);
    this.#entries.set(key, [...entries.toReversed(), ...before].slice(0, entriesLimit));
    if (this.#entries.size <= objectsLimit) return;
    const [oldest = ''] = this.#entries.keys();
    this.forget(oldest);
  }

  forget(key: string): void {
    this.#entries.delete(key);
    this.#failures.delete(key);
  }

  /** The last one first. */
  of(key: string): readonly PastDecision[] {
    return this.#entries.get(key) ?? [];
  }

  /** What the API said to the last pass, if it refused it. */
  failureOf(key: string): string | undefined {
    return this.#failures.get(key);
  }
}
