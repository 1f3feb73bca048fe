import { Worker } from 'node:worker_threads';
import type { Env, TimerHandle } from '@timonel/sdk';
import { CorruptImage } from './corrupt.ts';
import type { Job, JobAnswer, JobFault, JobMessage, JobResults } from './jobs.ts';

// Plain JavaScript beside `src` and `dist`, and the program in the form in which this file itself is.
const bootstrap = new URL('../../worker/main.mjs', import.meta.url);
const program = new URL(`./worker-program${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

const idleMs = 10_000;

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
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const onAbort = (): void => void Atomics.store(stop, 0, 1);
    const onAnswer = (answer: JobAnswer): void => {
      done();
      if ('result' in answer) resolve(answer.result);
      else reject(errorOf(answer.fault));
    };
    const onLost = (error: unknown): void => {
      done();
      this.#threads.delete(thread);
      const why = typeof error === 'number' ? `it ended with code ${error}` : (error as Error).message;
      reject(new Error(`the thread that unpacked was lost: ${why}`));
    };
    const done = (): void => {
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
    worker.postMessage({ job, stop } satisfies JobMessage);
  }

  async #end(thread: Thread): Promise<void> {
    this.#threads.delete(thread);
    thread.idle?.cancel();
    await thread.worker.terminate();
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
