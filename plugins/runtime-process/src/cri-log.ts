/** Writes the output of a process as a CRI log file: `<RFC 3339 with ns> <stream> <F|P> <text>`. */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Clock } from '@timonel/sdk';
import type { SourceGate } from './source-gate.ts';

/** A line longer than this is written in parts tagged `P`, as CRI runtimes do. */
const partLimitBytes = 16 * 1024;
const newline = 10;

export class CriLog {
  readonly #file: WriteStream;
  readonly #clock: Clock;
  readonly #gate: SourceGate;
  readonly #rest = new Map<string, Buffer>();
  #failure: unknown;

  /** The process waits at the gate for the disk, not the other way round. */
  constructor(path: string, clock: Clock, gate: SourceGate) {
    this.#file = createWriteStream(path, { flags: 'a', mode: 0o640 });
    this.#clock = clock;
    this.#gate = gate;
    this.#file.on('drain', () => gate.release(this));
    // A full disk must not end the process; what cannot be written is lost.
    this.#file.on('error', (error) => {
      this.#failure = error;
      gate.release(this);
    });
  }

  /** The fault that ended the log, if one did. */
  get failure(): unknown {
    return this.#failure;
  }

  follow(stream: 'stdout' | 'stderr', source: Readable): void {
    source.on('data', (chunk: Buffer) => {
      if (!this.#take(stream, chunk) && this.#failure === undefined) this.#gate.hold(this);
    });
    source.on('error', () => undefined);
  }

  /** Writes what is left of unfinished lines and closes. */
  async close(): Promise<void> {
    for (const [stream, rest] of this.#rest) if (rest.length > 0) this.#write(stream, 'F', rest);
    this.#rest.clear();
    if (this.#file.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#file.once('close', () => resolve());
      this.#file.end();
    });
  }

  /** False: the file wants a pause. */
  #take(stream: string, chunk: Buffer): boolean {
    let rest = Buffer.concat([this.#rest.get(stream) ?? Buffer.alloc(0), chunk]);
    let goesOn = true;
    for (let end = rest.indexOf(newline); end >= 0 || rest.length > partLimitBytes; end = rest.indexOf(newline)) {
      const whole = end >= 0 && end <= partLimitBytes;
      const length = whole ? end : partLimitBytes;
      goesOn = this.#write(stream, whole ? 'F' : 'P', rest.subarray(0, length));
      rest = rest.subarray(whole ? length + 1 : length);
    }
    this.#rest.set(stream, Buffer.from(rest));
    return goesOn;
  }

  #write(stream: string, tag: 'F' | 'P', text: Buffer): boolean {
    if (this.#failure !== undefined) return true;
    const stamp = this.#clock.microTimestamp().replace('Z', '000Z');
    return this.#file.write(Buffer.concat([Buffer.from(`${stamp} ${stream} ${tag} `), text, Buffer.from('\n')]));
  }
}
