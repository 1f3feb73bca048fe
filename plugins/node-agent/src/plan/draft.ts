import type { Action, Plan } from './actions.ts';

/** Collects actions and the earliest time to look again. */
export class Draft {
  readonly actions: Action[] = [];
  wakeAt: number | undefined = undefined;

  add(action: Action): void {
    this.actions.push(action);
  }

  wake(at: number): void {
    if (this.wakeAt === undefined || at < this.wakeAt) this.wakeAt = at;
  }

  done(): Plan {
    return { actions: this.actions, wakeAt: this.wakeAt };
  }
}
