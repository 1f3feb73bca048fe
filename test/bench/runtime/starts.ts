/** How long a container of `/bin/true` takes from nothing to nothing, by each runtime in turns. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeBundle } from './bundle.ts';
import { run } from './command.ts';
import { OwnContainers } from './own-containers.ts';

export const subjects = {
  exec: '/bin/true: fork and exec',
  unshare: 'unshare of all namespaces, chroot',
  crun: 'crun run',
  runc: 'runc run',
  pod: 'timonel: pod and container, created, started, waited for, deleted',
  container: 'timonel: the container alone, in a pod that is there',
} as const;
export type Subject = keyof typeof subjects;

const warmUps = 3;

/** Milliseconds of each round by subject, in turns, so that what else the machine does hits all alike. */
export async function measureStarts(
  directory: string,
  root: string,
  rounds: number,
): Promise<Readonly<Record<Subject, readonly number[]>>> {
  const own = await OwnContainers.open(directory, root);
  const bundle = writeBundle(join(directory, 'bundle'), root, ['/bin/true']);
  const state = join(directory, 'oci');
  mkdirSync(state);
  let count = 0;
  const oci = (program: string) => (): Promise<void> =>
    run(program, ['--root', join(state, program), 'run', '--bundle', bundle, `bench-${process.pid}-${++count}`]);
  const works: Readonly<Record<Subject, () => Promise<void>>> = {
    exec: () => run('/bin/true', []),
    unshare: () =>
      run('unshare', [
        '--mount',
        '--pid',
        '--fork',
        '--net',
        '--uts',
        '--ipc',
        '--cgroup',
        'chroot',
        root,
        '/bin/true',
      ]),
    crun: oci('crun'),
    runc: oci('runc'),
    pod: () => own.pod(),
    container: () => own.container('stays'),
  };
  const samples: Record<Subject, number[]> = { exec: [], unshare: [], crun: [], runc: [], pod: [], container: [] };
  try {
    await own.sandbox('stays');
    for (let round = -warmUps; round < rounds; round += 1) {
      for (const [subject, work] of Object.entries(works) as [Subject, () => Promise<void>][]) {
        const begin = performance.now();
        await work();
        if (round >= 0) samples[subject].push(performance.now() - begin);
      }
    }
  } finally {
    await own.close();
  }
  return samples;
}
