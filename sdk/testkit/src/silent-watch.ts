/** For fakes of the API: a watch on which nothing happens until `signal` ends it. */
export function silentWatch(signal: AbortSignal): AsyncIterable<never> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          const end = (): void => resolve({ done: true, value: undefined });
          signal.addEventListener('abort', end, { once: true });
          if (signal.aborted) end();
        }),
    }),
  };
}
