import { readdirSync, readlinkSync } from 'node:fs';

/** What keeps a process busy or is left open in it, each by its name with how many there are. */
export interface Resources {
  /** As `process.getActiveResourcesInfo` names them: what keeps the event loop alive. */
  readonly handles: ReadonlyMap<string, number>;
  /** Open files, sockets and pipes, by what `/proc/self/fd` says. Empty where there is no /proc. */
  readonly files: ReadonlyMap<string, number>;
  /** Listeners on `process`, by event. */
  readonly listeners: ReadonlyMap<string, number>;
}

// They end by themselves within a turn of the event loop, or belong to the reader of /proc.
const passing = new Set([
  'Immediate',
  'TickObject',
  'PROMISE',
  'FSReqPromise',
  'FSReqCallback',
  'CloseReq',
  'Microtask',
]);

function count(names: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function openFiles(): string[] {
  let numbers: string[];
  try {
    numbers = readdirSync('/proc/self/fd');
  } catch {
    return [];
  }
  return numbers.flatMap((number) => {
    try {
      // Sockets and pipes carry an inode number that differs each time.
      return [readlinkSync(`/proc/self/fd/${number}`).replace(/:\[\d+\]$/, '')];
    } catch {
      return []; // the descriptor of the reading itself
    }
  });
}

/** Takes stock of the process. */
export function captureResources(): Resources {
  return {
    handles: count(process.getActiveResourcesInfo().filter((name) => !passing.has(name))),
    files: count(openFiles()),
    listeners: new Map(process.eventNames().map((event) => [String(event), process.listenerCount(event)])),
  };
}

/** What there is more of in `after` than in `before`, in words. Empty: no leak. */
export function compareResources(before: Resources, after: Resources): string[] {
  const kinds = ['handles', 'files', 'listeners'] as const;
  return kinds.flatMap((kind) =>
    [...after[kind]]
      .filter(([name, now]) => now > (before[kind].get(name) ?? 0))
      .map(([name, now]) => `${kind}: ${name} (${before[kind].get(name) ?? 0} before, ${now} now)`),
  );
}
