import { type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { RuntimeEvent } from '@timonel/sdk/contracts/runtime';
import type { ContainerHoldings } from './container-holdings.ts';
import { callCode, criNamespace, type Channel } from './cri/channel.ts';
import { containerStates } from './cri/types.ts';
import type { SandboxHoldings } from './sandbox-holdings.ts';

/** With containerd's own events, looking is only a safeguard; without them it is all there is. */
const periodMs = { listening: 5000, deaf: 500 };
/** The CRI knows of an end a little after containerd tells of it. */
const againMs = [0, 20, 100, 500];
const resubscribeMs = 500;

interface Known {
  readonly sandboxId: string;
  readonly podUid: string;
  readonly containerId: string | undefined;
  readonly state: 'idle' | 'live' | 'ended';
}

export interface WatcherOptions {
  readonly channel: Channel;
  readonly sandboxes: SandboxHoldings;
  readonly containers: ContainerHoldings;
  readonly env: Env;
  readonly log: Logger;
}

/** Compares what containerd holds with what it held, and tells of what happened. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #waiting = new Set<() => void>();
  /** By containerd's id. Undefined: containerd did not answer yet. */
  #known: Map<string, Known> | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: TimerHandle | undefined;
  readonly #nudges = new Set<TimerHandle>();
  #unsubscribe: (() => void) | undefined;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  open(): void {
    this.#subscribe();
    this.nudge();
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe?.();
    this.#timer?.cancel();
    for (const nudge of this.#nudges) nudge.cancel();
    this.#listeners.clear();
    this.#wake();
  }

  /** No container of ours is known. */
  get isIdle(): boolean {
    return [...(this.#known?.values() ?? [])].every(({ containerId }) => containerId === undefined);
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    const own = (event: RuntimeEvent): void => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Resolves at the next sign that something changed, or after `limitMs`. */
  async change(limitMs: number): Promise<void> {
    const waited = new AbortController();
    const changed = new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      waited.signal.addEventListener('abort', wake);
    });
    const { timers } = this.#options.env;
    await Promise.race([changed, timers.sleep(limitMs, waited.signal).catch(() => undefined)]);
    waited.abort();
  }

  /** Something may have changed: looks now, and a few times more. */
  nudge(): void {
    if (this.#closed || this.#nudges.size > againMs.length) return;
    for (const delayMs of againMs) {
      const nudge = this.#options.env.timers.after(delayMs, () => {
        this.#nudges.delete(nudge);
        this.#wake();
        void this.look();
      });
      this.#nudges.add(nudge);
    }
  }

  /** Resolves when all that had happened before the call was told. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      await this.#looking;
      return;
    }
    this.#looking = this.#lookOn().finally(() => (this.#looking = undefined));
    await this.#looking;
  }

  async #lookOn(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#compare();
      } catch (error) {
        // `info` says it to those who ask whether this runtime is ready.
        if (callCode(error) === undefined) this.#options.log.warn({ error }, 'looking at containerd failed');
      }
    } while (this.#again && !this.#closed);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const delayMs = this.#unsubscribe === undefined ? periodMs.deaf : periodMs.listening;
    this.#timer = this.#options.env.timers.after(delayMs, () => void this.look());
  }

  async #compare(): Promise<void> {
    const now = await this.#observe();
    const before = this.#known;
    this.#known = now;
    if (before === undefined) return;
    // Containers first: their ends come before that of their sandbox.
    for (const [criId, each] of now) this.#tell(before.get(criId)?.state ?? 'idle', each);
    for (const [criId, each] of before)
      if (!now.has(criId) && each.state === 'live') this.#tell('live', { ...each, state: 'ended' });
  }

  async #observe(): Promise<Map<string, Known>> {
    const { sandboxes, containers } = this.#options;
    const now = new Map<string, Known>();
    for (const { criId, criState, stored } of await containers.all()) {
      const state =
        criState === containerStates.running ? 'live' : criState === containerStates.created ? 'idle' : 'ended';
      now.set(criId, { sandboxId: stored.sandboxId, podUid: stored.podUid, containerId: stored.id, state });
    }
    for (const { criId, config, ready } of await sandboxes.all()) {
      now.set(criId, {
        sandboxId: config.id,
        podUid: config.podUid,
        containerId: undefined,
        state: ready ? 'live' : 'ended',
      });
    }
    return now;
  }

  #tell(before: Known['state'], { state, sandboxId, podUid, containerId }: Known): void {
    if (before === state || before === 'ended') return;
    const base = { sandboxId, podUid, containerId };
    if (containerId === undefined) {
      if (state === 'ended') this.#emit({ ...base, type: 'sandbox-stopped' });
      return;
    }
    if (before === 'idle') this.#emit({ ...base, type: 'container-started' });
    if (state === 'ended') this.#emit({ ...base, type: 'container-exited' });
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.warn({ error, event: event.type }, 'a listener of runtime events threw');
      }
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #subscribe(): void {
    if (this.#closed) return;
    const { channel, env, log } = this.#options;
    const filters = [`namespace==${criNamespace},topic~=/tasks/(start|exit|delete|oom)`];
    this.#unsubscribe = channel.stream(
      'Subscribe',
      { filters },
      {
        message: () => this.nudge(),
        end: () => {
          this.#unsubscribe = undefined;
          log.debug({}, 'events of containerd have ended');
          this.#nudges.add(env.timers.after(resubscribeMs, () => this.#subscribe()));
          void this.look();
        },
      },
    );
  }
}
