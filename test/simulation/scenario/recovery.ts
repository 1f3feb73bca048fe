import type { Observer } from '../cluster/observer.ts';
import type { Scheduler } from '../parts/scheduler.ts';
import type { Client } from '../workload/client.ts';
import type { Watcher } from '../workload/watcher.ts';
import type { Cluster } from './cluster.ts';

/** After the faults end, the group has so long to answer every client, to end all leases, and to bring members and watches level. */
const boundMs = 20_000;

/** Liveness: what has to come right when nothing is broken any more. */
export class Recovery {
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #observer: Observer;
  readonly #clients: readonly Client[];
  readonly #watchers: readonly Watcher[];
  #open: number;
  /** Who takes part, once there is a leader that knows. */
  voters: readonly string[] = [];

  constructor(cluster: Cluster, clients: readonly Client[], watchers: readonly Watcher[]) {
    this.#cluster = cluster;
    this.#scheduler = cluster.world.scheduler;
    this.#observer = cluster.world.observer;
    this.#clients = clients;
    this.#watchers = watchers;
    this.#open = clients.length;
  }

  run(): void {
    const healedAtMs = this.#scheduler.nowMs;
    // What the clients still have under way may go on to its end first.
    this.#scheduler.after(300, () => {
      for (const client of this.#clients) this.#ask(client);
    });
    this.#tidy();
    let level = false;
    const look = (): void => {
      level = this.#open === 0 && this.#isLevel();
      this.#scheduler.after(10, look);
    };
    look();
    const failed = (): boolean => this.#observer.violations.length > 0;
    this.#scheduler.runUntil(healedAtMs + boundMs, () => level || failed());
    if (failed()) return;
    if (level) this.#expectCalm();
    else this.#observer.violation(`liveness: ${this.#open} clients wait after ${boundMs} ms; ${this.#describe()}`);
  }

  /** Every client gets a write and a read through. */
  #ask(client: Client): void {
    const { name, keys } = client.options;
    const key = keys[0] as string;
    client.perform(
      { type: 'put', keys: [key], value: `${name}.last` },
      (written) => {
        if (written === undefined) return;
        const read = { type: 'read', from: key, to: `${key}\u0000`, linearizable: true } as const;
        client.perform(read, (answer) => (this.#open -= answer === undefined ? 0 : 1), 100);
      },
      100,
    );
  }

  #tidy(): void {
    // A removed member answers for ever with what it last had: in the end clients must not ask it any more.
    this.voters = this.#cluster.voters().map((member) => member.id);
    this.#cluster.operator.removeDestroyed();
    this.#scheduler.after(200, () => this.#tidy());
  }

  #isLevel(): boolean {
    const leader = this.#cluster.leader()?.process;
    if (leader === undefined || leader.machine.leases.size > 0) return false;
    const applied = leader.raft.status().lastIndex;
    return (
      this.#cluster.voters().every((member) => member.process?.appliedIndex === applied) &&
      this.#watchers.every((watcher) => watcher.progress >= this.#observer.truth.revision)
    );
  }

  /** A member that was removed and does not know it stands for election for ever: it must disturb nobody. */
  #expectCalm(): void {
    const unaware = [...this.#cluster.members.values()].filter(
      ({ id, process }) =>
        !this.voters.includes(id) && process?.raft.status().configuration.voters.includes(id) === true,
    );
    if (unaware.length === 0) return;
    this.#observer.count('unaware at the end');
    const { id: leader, term } = this.#leadership();
    const { tickMs, electionTicks } = this.#cluster.tuning;
    this.#scheduler.runUntil(this.#scheduler.nowMs + 4 * tickMs * electionTicks);
    const now = this.#leadership();
    if (now.id !== leader || now.term !== term) {
      const who = unaware.map(({ id }) => id).join(' ');
      this.#observer.violation(
        `calm: ${leader} led in term ${term}, ${now.id ?? 'nobody'} in ${now.term}, while ${who} did not know of its removal`,
      );
    }
  }

  #leadership(): { readonly id: string | undefined; readonly term: number } {
    const leader = this.#cluster.leader();
    return { id: leader?.id, term: leader?.process?.softState.term ?? 0 };
  }

  #describe(): string {
    const members = [...this.#cluster.members.values()].map((member) => {
      const status = member.process?.raft.status();
      if (status === undefined) return `${member.id} dead`;
      const { role, term, lastIndex } = status;
      return `${member.id} ${role} term ${term} applied ${member.process?.appliedIndex} last ${lastIndex}`;
    });
    const { revision } = this.#observer.truth;
    const watches = this.#watchers.map((watcher) => `watch at ${watcher.progress} of ${revision}`);
    const leases = [...(this.#cluster.leader()?.process?.machine.leases.keys() ?? [])];
    return [...members, ...watches, `leases ${leases.join(' ')}`].join('; ');
  }
}
