/** The pieces of a body that keeps moving: one that stands still, or only creeps, is ended. */
import type { IncomingMessage } from 'node:http';
import type { Env } from '@timonel/sdk';
import type { RegistryConfig } from '../config.ts';
import { connectionProblem, isFailure, RegistryFailure } from '../failure.ts';

export interface PieceParts {
  readonly env: Env;
  readonly config: Pick<RegistryConfig, 'stallTimeoutMs' | 'minBytesPerSecond'>;
  readonly host: string;
  readonly signal: AbortSignal | undefined;
}

/** Only the time spent waiting for the registry counts: whoever reads may be slow. @throws RegistryFailure unreachable */
export async function* movingPieces(
  message: IncomingMessage,
  parts: PieceParts,
): AsyncGenerator<Buffer, void, undefined> {
  const { env, config, host, signal } = parts;
  const { stallTimeoutMs, minBytesPerSecond } = config;
  const advice = 'check the network, or stallTimeoutMs and minBytesPerSecond';
  const stalled = (what: string): RegistryFailure => new RegistryFailure('unreachable', `${host} ${what}`, { advice });
  const silent = (): void => void message.destroy(stalled(`sent nothing for ${stallTimeoutMs} ms`));
  const iterator = message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let [waitedMs, bytes] = [0, 0];
  try {
    for (;;) {
      const before = env.clock.monotonic();
      const timer = env.timers.after(stallTimeoutMs, silent);
      const { done, value } = await iterator.next().finally(() => timer.cancel());
      if (done === true) return;
      waitedMs += env.clock.monotonic() - before;
      bytes += value.length;
      if (waitedMs >= stallTimeoutMs) {
        if (bytes < (minBytesPerSecond * waitedMs) / 1000)
          throw stalled(`sent ${bytes} bytes in ${Math.round(waitedMs)} ms`);
        [waitedMs, bytes] = [0, 0];
      }
      yield value;
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (isFailure(error)) throw error;
    throw new RegistryFailure('unreachable', `the transfer from ${host} broke off: ${connectionProblem(error)}`, {
      cause: error,
    });
  } finally {
    message.destroy();
  }
}
