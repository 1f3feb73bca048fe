/** What makes a machine a server or an agent of a cluster, before it runs as one. */
import { refuseRole } from '../cluster/cluster-state.ts';
import { dataDirPaths, lockDataDir, makeDataDir } from '../cluster/data-dir.ts';
import { stopRequested } from './foreground.ts';

export interface Member<T> {
  readonly state: T;
  readonly stopping: Promise<NodeJS.Signals>;
  /** Aborted at that signal. */
  readonly stopped: AbortSignal;
}

/** `become`: with the data directory locked. */
export async function becomeMember<T>(
  dataDir: string,
  command: 'server' | 'agent',
  become: (stopped: AbortSignal) => Promise<T>,
): Promise<Member<T>> {
  makeDataDir(dataDir);
  refuseRole(dataDir, command);
  const stopping = stopRequested();
  const stopped = new AbortController();
  void stopping.then(() => stopped.abort());
  const unlock = await lockDataDir(dataDirPaths(dataDir));
  try {
    return { state: await become(stopped.signal), stopping, stopped: stopped.signal };
  } finally {
    await unlock();
  }
}
