import { join } from 'node:path';

export { checkId, instanceOf, isId } from '@timonel/sdk/linux';

/**
 * Where the state is. On disk what must outlive a boot, so that containers are known to have ended, and what may be large; in the run
 * directory, which is in memory, all that means something to this boot only. Ids become names of directories and control groups, hence
 * the check.
 */
export interface Layout {
  readonly dataDir: string;
  readonly runDir: string;
  /** A file for each: its configuration. */
  readonly sandboxFiles: string;
  /** A directory for each: its configuration, how it ended, what it wrote. */
  readonly containers: string;
  /** In the run directory: what holds the namespaces of each sandbox. */
  readonly sandboxes: string;
  /** In the run directory, for each container: records of its processes, and the ways to talk to its monitor. */
  readonly monitors: string;
  readonly events: string;
  /** What is to be removed, on disk and in the run directory. */
  /** On disk: empty directories for containers to come. */
  readonly spares: string;
  readonly trashes: { readonly disk: string; readonly run: string };
  sandboxFile(id: string): string;
  container(id: string): string;
  sandbox(id: string): string;
  monitor(id: string): string;
  eventFile(id: string): string;
}

export function layoutOf(dataDir: string, runDir: string): Layout {
  const sandboxFiles = join(dataDir, 'sandboxes');
  const containers = join(dataDir, 'containers');
  const sandboxes = join(runDir, 'sandboxes');
  const monitors = join(runDir, 'containers');
  const events = join(runDir, 'events');
  return {
    dataDir,
    runDir,
    sandboxFiles,
    containers,
    sandboxes,
    monitors,
    events,
    spares: join(dataDir, 'spare'),
    trashes: { disk: join(dataDir, 'trash'), run: join(runDir, 'trash') },
    sandboxFile: (id) => join(sandboxFiles, `${id}.json`),
    container: (id) => join(containers, id),
    sandbox: (id) => join(sandboxes, id),
    monitor: (id) => join(monitors, id),
    eventFile: (id) => join(events, id),
  };
}
