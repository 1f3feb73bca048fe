import { Worker } from 'node:worker_threads';
import type { Env, TimerHandle } from '@timonel/sdk';
import { CorruptImage } from './corrupt.ts';
import type { Job, JobAnswer, JobFault, JobMessage, JobResults } from './jobs.ts';

// Plain JavaScript beside `src` and `dist`, and the program in the form in which this file itself is.
const bootstrap = new URL('../../worker/main.mjs', import.meta.url);
const program = new URL(`./worker-program${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

const idleMs = 10_000;
/** A thread that does not go on for so long is ended. Many names to hide or a slow disk take their time; a loop without end takes more. */
const stallMs = 300_000;
/** One that is told to stop gets so long. */
const graceMs = 10_000;
/** So long the end of a thread is waited for. */
const endMs = 2000;

interface Waiting {
  readonly job: Job;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: JobResults[Job['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  busy: boolean;
  idle: TimerHandle | undefined;
}

/**
 * Threads for what would hold the event loop: unpacking, and reading archives. They begin when there is work and end when there has been
 * none for a while. Work beyond their number waits.
 */
export class UnpackPool {
  readonly #env: Env;
  readonly #size: number;
  readonly #threads: Set<Thread> = new Set();
  readonly #queue: Waiting[] = [];

  constructor(env: Env, size: number) {
    this.#env = env;
    this.#size = size;
  }

  /** @throws CorruptImage, AbortError, and faults of the file system */
  run<J extends Job>(job: J, signal?: AbortSignal): Promise<JobResults[J['kind']]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, signal, resolve: resolve as Waiting['resolve'], reject });
      this.#next();
    });
  }

  /** Ends all threads; what they were at fails. */
  async close(): Promise<void> {
    for (const waiting of this.#queue.splice(0)) waiting.reject(stopped());
    await Promise.all([...this.#threads].map((thread) => this.#end(thread)));
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const thread = [...this.#threads].find(({ busy }) => !busy) ?? this.#start();
      if (thread === undefined) return;
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      if (waiting.signal?.aborted === true) waiting.reject(stopped());
      else this.#work(thread, waiting);
    }
  }

  #start(): Thread | undefined {
    if (this.#threads.size >= this.#size) return undefined;
    const worker = new Worker(bootstrap, {
      workerData: { program: program.href },
      name: 'images-unpack',
      // Buffers lie outside of it: what is held of a layer is bounded by the readers.
      resourceLimits: { maxOldGenerationSizeMb: 512 },
      stdin: false,
    });
    worker.unref();
    const thread: Thread = { worker, busy: false, idle: undefined };
    // Anyone at work listens too; without work there is nobody to tell.
    worker.on('error', () => this.#threads.delete(thread));
    worker.on('exit', () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }

  #work(thread: Thread, { job, signal, resolve, reject }: Waiting): void {
    const { worker } = thread;
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const watch = this.#watch(shared, () => onLost(new Error('it did not go on')));
    const onAbort = (): void => watch.stop();
    const onAnswer = (answer: JobAnswer): void => {
      done();
      if ('result' in answer) resolve(answer.result);
      else reject(errorOf(answer.fault));
    };
    const onLost = (error: unknown): void => {
      done();
      // One that hangs in a call of the system would not end now: nobody waits for that.
      void this.#end(thread);
      const why = typeof error === 'number' ? `it ended with code ${error}` : (error as Error).message;
      reject(new Error(`the thread that unpacked was lost: ${why}`));
    };
    const done = (): void => {
      watch.end();
      signal?.removeEventListener('abort', onAbort);
      worker.off('message', onAnswer);
      worker.off('error', onLost);
      worker.off('exit', onLost);
      thread.busy = false;
      worker.unref();
      thread.idle = this.#env.timers.after(idleMs, () => void this.#end(thread));
      queueMicrotask(() => this.#next());
    };
    thread.busy = true;
    thread.idle?.cancel();
    worker.ref();
    signal?.addEventListener('abort', onAbort);
    worker.on('message', onAnswer);
    worker.on('error', onLost);
    worker.on('exit', onLost);
    worker.postMessage({ job, shared } satisfies JobMessage);
  }

  /** Looks whether work goes on, also when it shall stop. */
  #watch(shared: Int32Array, lose: () => void): { stop(): void; end(): void } {
    let seen = -1;
    const stall = this.#env.timers.every(stallMs, () => {
      const now = Atomics.load(shared, 1);
      if (now === seen) lose();
      seen = now;
    });
    let grace: TimerHandle | undefined;
    return {
      stop: () => {
        Atomics.store(shared, 0, 1);
        grace = this.#env.timers.after(graceMs, lose);
      },
      end: () => {
        stall.cancel();
        grace?.cancel();
      },
    };
  }

  async #end(thread: Thread): Promise<void> {
    this.#threads.delete(thread);
    thread.idle?.cancel();
    await Promise.race([thread.worker.terminate(), this.#env.timers.sleep(endMs)]);
  }
}

function stopped(): Error {
  return new DOMException('it was stopped', 'AbortError');
}

function errorOf({ name, message, reason, code, syscall }: JobFault): Error {
  if (name === 'ImageError' && reason === 'CorruptImage') return new CorruptImage(message);
  if (name === 'AbortError') return stopped();
  const error = Object.assign(new Error(message), { name });
  return Object.assign(error, code === undefined ? {} : { code }, syscall === undefined ? {} : { syscall });
}
