import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@timonel/testkit';

/** runc keeps its state there, whichever containerd it works for. */
const runcRoot = '/run/containerd/runc/k8s.io';

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n');
}

/** Deepest first. */
function mountPoints(directory: string): string[] {
  const points = lines('/proc/self/mountinfo').map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(directory)).toReversed();
}

interface Running {
  readonly pid: number;
  readonly words: readonly string[];
}

function shims(socket: string): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), words: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0') }];
      } catch {
        return []; // it ended while we read
      }
    })
    .filter(({ words }) => words[0]?.includes('containerd-shim') === true && words.includes(socket));
}

function bundles(directory: string): string[] {
  const parent = join(directory, 'state', 'io.containerd.runtime.v2.task', 'k8s.io');
  return existsSync(parent) ? readdirSync(parent).map((id) => join(parent, id)) : [];
}

function text(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Ends what a containerd that is gone has left running. */
export async function endOf(directory: string, socket: string): Promise<void> {
  for (const bundle of bundles(directory)) {
    const id = bundle.slice(bundle.lastIndexOf('/') + 1);
    spawnSync('runc', ['--root', runcRoot, 'delete', '--force', id], {
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    });
    const address = text(join(bundle, 'address')).replace(/^unix:\/\//, '');
    if (address.startsWith('/run/containerd/s/')) rmSync(address, { force: true });
    rmSync(bundle, { recursive: true, force: true });
  }
  for (const { pid } of shims(socket)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  await until(() => shims(socket).length === 0, { what: 'shims to end' });
  for (const point of mountPoints(directory)) {
    spawnSync('umount', ['--lazy', point]);
    if (point.includes('/netns/')) rmSync(point, { force: true });
  }
}

function groups(instance: string): string[] {
  const points = lines('/proc/self/mountinfo')
    .filter((line) => line.includes(' - cgroup'))
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => existsSync(join(point, `timonel-containerd-${instance}`)));
}

/** What there is on this node of one containerd, and of the control groups of one plugin's instance. */
export function leftovers(directory: string, socket: string, instance: string): string[] {
  const overlays = mountPoints(directory).map((point) => `mount ${point}`);
  return [
    ...overlays,
    ...shims(socket).map(({ pid }) => `shim ${pid}`),
    ...bundles(directory).map((bundle) => `bundle ${bundle}`),
    ...groups(instance).map((point) => `control group in ${point}`),
  ];
}
