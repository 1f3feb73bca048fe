/** What `npm run bench -- runtime` runs in a mount namespace of its own. Arguments: a directory, rounds. Prints JSON on its last line. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { keepProcessAlive } from '@timonel/core/env';
import { measureMonitors, type Monitors } from './memory.ts';
import { makeRoot } from './root-image.ts';
import { measurePulls, type Pulls } from './pulls.ts';
import { measureStarts, type Subject } from './starts.ts';

export interface Measured {
  readonly starts: Readonly<Record<Subject, readonly number[]>>;
  readonly monitors: Monitors;
  readonly pulls: Pulls;
}

const monitorCount = 5;
const pullRounds = 5;

export async function work(directory: string, rounds: number): Promise<void> {
  keepProcessAlive();
  const root = join(directory, 'root');
  makeRoot(root);
  const parts = ['starts', 'monitors', 'pulls'].map((name) => join(directory, name));
  for (const part of parts) mkdirSync(part);
  const [startsIn = '', monitorsIn = '', pullsIn = ''] = parts;
  console.error('containers of /bin/true, in turns');
  const starts = await measureStarts(startsIn, root, rounds);
  console.error('memory of monitors');
  const monitors = await measureMonitors(monitorsIn, root, monitorCount);
  console.error('pulls of an image of 5 layers');
  const pulls = await measurePulls(pullsIn, Math.max(1, Math.min(pullRounds, rounds)));
  const measured: Measured = { starts, monitors, pulls };
  console.log(JSON.stringify(measured));
}
