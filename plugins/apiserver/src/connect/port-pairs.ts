/** Pairs the streams of port-forward over SPDY: one for data and one for errors belong to one connection. */
import type { Duplex, Writable } from 'node:stream';
import type { TimerHandle, Timers } from '@timonel/sdk';
import type { SpdyStream } from '@timonel/sdk/spdy';

export interface PortPair {
  readonly port: number;
  readonly data: Duplex;
  readonly error: Writable;
}

interface Half {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly late: TimerHandle;
}

/** As the kubelet has it. */
const pairTimeoutMs = 30_000;

export class PortPairs {
  readonly #timers: Timers;
  readonly #onPair: (pair: PortPair) => void;
  readonly #halves = new Map<string, Half>();

  constructor(timers: Timers, onPair: (pair: PortPair) => void) {
    this.#timers = timers;
    this.#onPair = onPair;
  }

  add(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype');
    const port = Number(stream.headers.get('port'));
    if ((type !== 'data' && type !== 'error') || !Number.isInteger(port) || port < 1 || port > 65_535) {
      stream.destroy();
      return;
    }
    // Older clients send no number: their error stream comes right before the other.
    const id = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2);
    const half = this.#half(id);
    half[type]?.destroy();
    half[type] = stream;
    const { data, error } = half;
    if (data === undefined || error === undefined) return;
    half.late.cancel();
    this.#halves.delete(id);
    // Nothing comes in it; its end must be seen even so.
    error.resume();
    this.#onPair({ port, data, error });
  }

  end(): void {
    for (const { late } of this.#halves.values()) late.cancel();
    this.#halves.clear();
  }

  #half(id: string): Half {
    const found = this.#halves.get(id);
    if (found !== undefined) return found;
    const half: Half = {
      late: this.#timers.after(pairTimeoutMs, () => {
        this.#halves.delete(id);
        half.data?.destroy();
        half.error?.destroy();
      }),
    };
    this.#halves.set(id, half);
    return half;
  }
}
