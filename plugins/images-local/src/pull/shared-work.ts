import type { PullProgress } from '@timonel/sdk/contracts/images';

interface Caller {
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WorkContext {
  /** Aborted when no caller is left. */
  readonly signal: AbortSignal;
  report(progress: PullProgress): void;
}

interface Running<T> {
  readonly result: Promise<T>;
  readonly callers: Set<Caller>;
  readonly controller: AbortController;
  last: PullProgress | undefined;
}

/** Callers that want the same at the same time share one work. A caller that gives up leaves it to the others; the last one ends it. */
export class SharedWork<T> {
  readonly #running: Map<string, Running<T>> = new Map();
  /** Also of works that nobody waits for any more. */
  readonly #unsettled: Set<Promise<T>> = new Set();

  /** @throws what the work throws, or the reason of the caller's own signal */
  async join(key: string, caller: Caller, work: (context: WorkContext) => Promise<T>): Promise<T> {
    caller.signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, work);
    running.callers.add(caller);
    if (running.last !== undefined) tell(caller, running.last);
    try {
      return await orAborted(running.result, caller.signal);
    } finally {
      running.callers.delete(caller);
      if (running.callers.size === 0) {
        if (this.#running.get(key) === running) this.#running.delete(key);
        running.controller.abort();
      }
    }
  }

  /** Ends all works, and waits for them. */
  async close(): Promise<void> {
    for (const { controller } of this.#running.values()) {
      controller.abort(new DOMException('images are being stopped', 'AbortError'));
    }
    await Promise.allSettled(this.#unsettled);
  }

  #start(key: string, work: (context: WorkContext) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const callers = new Set<Caller>();
    const report = (progress: PullProgress): void => {
      running.last = progress;
      for (const caller of callers) tell(caller, progress);
    };
    // Begins after the first caller has joined, so that it hears everything.
    const result = Promise.resolve().then(() => work({ signal: controller.signal, report }));
    this.#unsettled.add(result);
    void result.catch(() => undefined).finally(() => this.#unsettled.delete(result));
    const running: Running<T> = { result, callers, controller, last: undefined };
    this.#running.set(key, running);
    return running;
  }
}

function tell(caller: Caller, progress: PullProgress): void {
  try {
    caller.onProgress?.(progress);
  } catch {
    // Whoever watches does not stop the work.
  }
}

function orAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    void result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
