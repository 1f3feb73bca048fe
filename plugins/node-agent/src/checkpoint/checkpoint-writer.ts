/** Keeps the checkpoint file up to date: soon after changes, not more often than every second, one write at a time. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { encodeCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint-file.ts';
import type { SourceSeal } from './source-seal.ts';

export interface CheckpointWriterOptions {
  readonly file: string;
  readonly limitBytes: number;
  readonly seal: SourceSeal;
  readonly env: Env;
  readonly log: Logger;
  /** What is to be remembered now. */
  snapshot(): Checkpoint;
}

const delayMs = 1000;
const retryMs = 10_000;

export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  #written = '';
  #timer: TimerHandle | undefined;
  #writing: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #warned = false;

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
  }

  touch(): void {
    if (this.#closed || this.#timer !== undefined) return;
    if (this.#writing !== undefined) this.#again = true;
    else this.#schedule(delayMs);
  }

  /** Writes what is not written yet, and ends. */
  async close(): Promise<void> {
    const due = this.#timer !== undefined || this.#again;
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#writing;
    if (due) await this.#write().catch(() => undefined);
  }

  #schedule(afterMs: number): void {
    this.#timer = this.#options.env.timers.after(afterMs, () => {
      this.#timer = undefined;
      this.#writing = this.#attempt().finally(() => {
        this.#writing = undefined;
        if (this.#again) this.touch();
        this.#again = false;
      });
    });
  }

  async #attempt(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#write();
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'the checkpoint of the pods was not written, will retry');
      if (!this.#closed && this.#timer === undefined) this.#schedule(retryMs);
    }
  }

  async #write(): Promise<void> {
    const { file, limitBytes, seal, log } = this.#options;
    const { text, leftOut } = encodeCheckpoint(this.#options.snapshot(), { limitBytes, seal });
    if (leftOut > 0 && !this.#warned) {
      log.warn(
        { leftOut, limitBytes },
        'not all ConfigMaps and Secrets fit into the checkpoint: pods that use them cannot be restarted by an agent that starts without the API; raise checkpointLimitBytes',
      );
    }
    this.#warned = leftOut > 0;
    if (text === this.#written) return;
    await writeCheckpoint(file, text);
    this.#written = text;
  }
}
