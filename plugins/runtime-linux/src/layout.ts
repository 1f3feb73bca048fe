import { join } from 'node:path';

export { checkId, instanceOf, isId } from '@timonel/sdk/linux';

/** Where the state is. Ids become names of directories and control groups, hence the check. */
export interface Layout {
  readonly sandboxes: string;
  readonly containers: string;
  readonly events: string;
  sandbox(id: string): string;
  container(id: string): string;
  eventFile(id: string): string;
}

export function layoutOf(dataDir: string): Layout {
  const [sandboxes, containers, events] = ['sandboxes', 'containers', 'events'].map((name) => join(dataDir, name));
  return {
    sandboxes: sandboxes ?? '',
    containers: containers ?? '',
    events: events ?? '',
    sandbox: (id) => join(sandboxes ?? '', id),
    container: (id) => join(containers ?? '', id),
    eventFile: (id) => join(events ?? '', id),
  };
}
