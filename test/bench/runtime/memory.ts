/** Resident memory of what stands by one container all its life: our monitor, conmon, containerd's shim. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutOf } from '../../../plugins/runtime-linux/src/layout.ts';
import { readIdentity } from '../../../plugins/runtime-linux/src/records.ts';
import { runPathOf } from '../../../plugins/runtime-linux/src/run-directory.ts';
import { until } from '../../support/until.ts';
import { writeBundle } from './bundle.ts';
import { run } from './command.ts';
import { OwnContainers } from './own-containers.ts';

export interface Monitors {
  /** MB. */
  readonly own: readonly number[];
  readonly conmon: readonly number[];
  readonly shim: readonly number[];
}

function residentMB(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** Processes with this in their arguments. */
function processesWith(name: string, argument: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words[0]?.endsWith(name) === true && words.some((word) => word.includes(argument));
      } catch {
        return false; // it ended while we looked
      }
    })
    .map(Number);
}

const succeeds = (program: string, args: readonly string[]): Promise<boolean> =>
  run(program, args).then(
    () => true,
    () => false,
  );

const sleep = ['/bin/sleep', '600'];

async function ownMonitors(directory: string, root: string, count: number): Promise<number[]> {
  const own = await OwnContainers.open(directory, root);
  try {
    await own.sandbox('memory');
    const samples: number[] = [];
    const data = join(directory, 'data');
    for (let i = 0; i < count; i += 1) {
      const id = await own.started('memory', sleep);
      const monitor = readIdentity(layoutOf(data, runPathOf(data, '')).monitor(id), 'monitor');
      if (monitor === undefined) throw new Error(`container ${id} has no monitor`);
      samples.push(residentMB(monitor.pid));
    }
    return samples;
  } finally {
    await own.close();
  }
}

async function conmons(directory: string, root: string, count: number): Promise<number[]> {
  const bundle = writeBundle(join(directory, 'conmon-bundle'), root, sleep);
  const state = join(directory, 'conmon-crun');
  const crun = ['--root', state];
  const ids = Array.from({ length: count }, (_, i) => `conmon-${process.pid}-${i}`);
  const made: string[] = [];
  try {
    for (const id of ids) {
      const files = join(directory, id);
      mkdirSync(files);
      const paths = ['-p', join(files, 'pid'), '-l', `k8s-file:${join(files, 'log')}`, '--exit-dir', files];
      const runtime = ['-r', '/usr/bin/crun', '--runtime-arg', '--root', '--runtime-arg', state];
      made.push(id);
      await run('conmon', [
        '-c',
        id,
        '-u',
        id,
        '-n',
        id,
        '-b',
        bundle,
        '--socket-dir-path',
        files,
        ...paths,
        ...runtime,
      ]);
      // conmon goes to the background before the container is made
      await until(() => succeeds('crun', [...crun, 'start', id]), { what: `crun to start ${id}` });
    }
    return ids.flatMap((id) => processesWith('conmon', id).map(residentMB));
  } finally {
    for (const id of made) await run('crun', [...crun, 'delete', '--force', id]).catch(() => undefined);
  }
}

/** A containerd of our own, and tasks made by its `ctr`. */
async function shims(directory: string, root: string, count: number): Promise<number[]> {
  const home = join(directory, 'containerd');
  mkdirSync(home);
  const address = join(home, 'sock');
  const config = `version = 2\nroot = "${home}/root"\nstate = "${home}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n`;
  writeFileSync(join(home, 'config.toml'), config);
  const daemon = spawn('containerd', ['--config', join(home, 'config.toml')], { stdio: 'ignore' });
  const ctr = ['--address', address, '--namespace', 'bench'];
  const ids = Array.from({ length: count }, (_, i) => `shim-${i}`);
  try {
    await until(() => succeeds('ctr', [...ctr, 'version']), { what: 'containerd to answer' });
    for (const id of ids) await run('ctr', [...ctr, 'run', '--detach', '--null-io', '--rootfs', root, id, ...sleep]);
    return processesWith('containerd-shim-runc-v2', address).map(residentMB);
  } finally {
    for (const id of ids) {
      await run('ctr', [...ctr, 'task', 'rm', '--force', id]).catch(() => undefined);
      await run('ctr', [...ctr, 'container', 'rm', id]).catch(() => undefined);
    }
    await ended(daemon);
  }
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const end = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  await end;
}

export async function measureMonitors(directory: string, root: string, count: number): Promise<Monitors> {
  return {
    own: await ownMonitors(directory, root, count),
    conmon: await conmons(directory, root, count),
    shim: await shims(directory, root, count),
  };
}
