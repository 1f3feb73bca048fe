/** What `npm run bench -- runtime` runs in a mount namespace of its own. Arguments: a directory, rounds. Prints JSON on its last line. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { keepProcessAlive } from '@timonel/core/env';
import { measureMonitors, type Monitors } from './memory.ts';
import { makeRoot } from './root-image.ts';
import { measureStarts, type Subject } from './starts.ts';

export interface Measured {
  readonly starts: Readonly<Record<Subject, readonly number[]>>;
  readonly monitors: Monitors;
}

const monitorCount = 5;

export async function work(directory: string, rounds: number): Promise<void> {
  keepProcessAlive();
  const root = join(directory, 'root');
  makeRoot(root);
  const parts = ['starts', 'monitors'].map((name) => join(directory, name));
  for (const part of parts) mkdirSync(part);
  const [startsIn = '', monitorsIn = ''] = parts;
  console.error('containers of /bin/true, in turns');
  const starts = await measureStarts(startsIn, root, rounds);
  console.error('memory of monitors');
  const monitors = await measureMonitors(monitorsIn, root, monitorCount);
  const measured: Measured = { starts, monitors };
  console.log(JSON.stringify(measured));
}
