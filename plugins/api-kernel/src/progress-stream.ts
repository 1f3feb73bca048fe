import type { Env } from '@timonel/sdk';

/** What work tells while it goes on, and what it comes to, one JSON object a line. */
export interface LinedWork {
  /** Aborted when whoever listens goes away. */
  run(report: (line: unknown) => void, signal: AbortSignal): Promise<unknown>;
  /** The last line of work that failed. */
  failure(error: unknown): unknown;
}

const heartbeatMs = 5000;

/**
 * A stream of lines. Of what is told faster than it is read only the newest is kept, and in silence the newest is repeated, so that no
 * one between takes the connection for dead.
 */
export async function* progressStream(work: LinedWork, env: Env, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const controller = new AbortController();
  let newest: unknown;
  let isNew = false;
  let last: { readonly line: unknown } | undefined;
  let wake: () => void = () => undefined;
  const report = (line: unknown): void => {
    newest = line;
    isNew = true;
    wake();
  };
  const done = work.run(report, AbortSignal.any([signal, controller.signal])).then(
    (line) => (last = { line }),
    (error: unknown) => (last = { line: work.failure(error) }),
  );
  void done.then(() => wake());
  const beat = env.timers.every(heartbeatMs, () => newest !== undefined && report(newest));
  try {
    for (;;) {
      if (isNew) {
        isNew = false;
        yield encode(newest);
      } else if (last === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else break;
    }
    yield encode(last.line);
  } finally {
    beat.cancel();
    controller.abort();
  }
}

function encode(line: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}
