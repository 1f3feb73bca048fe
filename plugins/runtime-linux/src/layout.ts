import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';

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

/** Two runtimes on one node (tests, several clusters) must not meet in the control groups. */
export function instanceOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 10);
}

export function isId(id: string): boolean {
  return /^[a-z0-9]([-a-z0-9_.]{0,198}[a-z0-9])?$/.test(id);
}

export function checkId(id: string, reason: string): void {
  if (isId(id)) return;
  throw new RuntimeError(reason, `"${id}" is not a usable id: lower case letters, digits and "-", at most 200`);
}
