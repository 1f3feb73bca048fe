import { Worker } from 'node:worker_threads';
import { KernelError, errorMessage, type DeadlineWatch } from '@timonel/sdk';
import type { KernelLimits } from '../kernel/limits.ts';

// Plain JavaScript beside `src` and `dist`: a worker of the sources could not load TypeScript.
const program = new URL('../../worker/main.mjs', import.meta.url);

/** What the thread knows from its first moment. */
export interface WorkerData {
  readonly name: string;
  readonly config: unknown;
  readonly dataDir: string | undefined;
  readonly moduleUrl: string | undefined;
}

export interface WorkerThreadOptions {
  readonly limits: KernelLimits;
  readonly deadlines: DeadlineWatch;
  /** Something the thread tells unasked. May throw: a thread that sends nonsense is ended. */
  readonly onTold: (what: string, args: readonly unknown[]) => void;
  /** The thread ended or was ended, but not by `terminate`. */
  readonly onLost: (error: KernelError) => void;
}

interface Message {
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: unknown;
  readonly tell?: string;
  readonly args?: readonly unknown[];
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes an error of what the thread could send of one. */
export function receivedError(sent: unknown): Error {
  const { code, stack } = sent as { readonly code?: string; readonly stack?: string };
  const error = new Error(errorMessage(sent));
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}

/** The worker thread of one life of a plugin: requests with answers, and an end that nothing in the thread can prevent. */
export class WorkerThread {
  /** Why it ended; undefined while it runs. */
  ended: KernelError | undefined;
  private readonly plugin: string;
  private readonly options: WorkerThreadOptions;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private check: Promise<void> | undefined;

  constructor(data: WorkerData, options: WorkerThreadOptions) {
    this.plugin = data.name;
    this.options = options;
    this.worker = new Worker(program, {
      workerData: data,
      name: data.name,
      resourceLimits: { maxOldGenerationSizeMb: options.limits.workerHeapMb },
    });
    this.worker.on('message', (message: Message) => this.receive(message));
    this.worker.on('error', (error) => this.end(errorMessage(error)));
    this.worker.on('messageerror', (error) => this.end(errorMessage(error)));
    this.worker.on('exit', (code) => this.end(`it exited with code ${code}`));
    // Like the timers of a plugin, its thread alone keeps no process alive.
    this.worker.unref();
  }

  /** Requests without an answer so far. */
  get waitingCalls(): number {
    return this.waiting.size;
  }

  /** @throws when the arguments cannot be sent to a thread. */
  request(method: string, ...args: unknown[]): Promise<unknown> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const id = this.nextId++;
    this.worker.postMessage({ id, method, args });
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
  }

  abort(reason: string): void {
    this.worker.postMessage({ abort: reason });
  }

  /** To be called when a deadline was missed, by however many at once: one `ping` for all. */
  assertAnswers(): Promise<void> {
    this.check ??= this.ping(this.options.limits.workerPingMs).finally(() => {
      this.check = undefined;
    });
    return this.check;
  }

  /** Resolves when the event loop of the thread turns; ends the thread and rejects when it does not within `ms`. */
  async ping(ms: number): Promise<void> {
    const { deadlines } = this.options;
    let answered = false;
    const hung = (): void => {
      if (!answered) this.end(`its event loop did not turn for ${ms} ms`);
    };
    // When it was this process that stood still, the answer may lie in the queue: one more turn to read it.
    const deadline = deadlines.add(ms, () => setImmediate(hung));
    try {
      await this.request('ping');
    } finally {
      answered = true;
      deadlines.remove(deadline);
    }
  }

  async terminate(): Promise<void> {
    this.close(new KernelError('ERR_PLUGIN_STATE', `plugin '${this.plugin}' has stopped`, { plugin: this.plugin }));
    await this.worker.terminate();
  }

  private receive(message: Message): void {
    if (message.id === undefined) {
      this.told(message);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(receivedError(message.error));
  }

  private told({ tell = '', args = [] }: Message): void {
    try {
      this.options.onTold(tell, args);
    } catch (error) {
      this.end(`it sent a message that the kernel does not understand: ${errorMessage(error)}`);
    }
  }

  private end(why: string): void {
    if (this.ended !== undefined) return;
    const { plugin } = this;
    const message = `the worker thread of plugin '${plugin}' was lost: ${why}`;
    const error = new KernelError('ERR_PLUGIN_STATE', message, { plugin, retryable: true });
    this.close(error);
    void this.worker.terminate();
    this.options.onLost(error);
  }

  private close(error: KernelError): void {
    this.ended ??= error;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
