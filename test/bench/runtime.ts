/** Containers from nothing to nothing, and what stands by them, beside the runtimes of Debian. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { withTemporaryFolder } from './cleanup.ts';
import { median, type Figure } from './figures.ts';
import { subjects, type Subject } from './runtime/starts.ts';
import type { Measured } from './runtime/worker.ts';

const bench = 'runtime';

/** Programs of Debian, by package. */
const needed = {
  crun: 'crun',
  runc: 'runc',
  conmon: 'conmon',
  containerd: 'containerd',
  busybox: 'busybox-static',
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
};

function checkPrograms(): void {
  const folders = (process.env['PATH'] ?? '').split(':');
  const absent = Object.entries(needed).filter(([name]) => !folders.some((folder) => existsSync(join(folder, name))));
  if (absent.length === 0) return;
  throw new Error(`missing Debian packages: apt-get install ${absent.map(([, name]) => name).join(' ')}`);
}

/**
 * In a mount namespace of its own, without the cgroup2 mount that stands beside the v1 hierarchies: crun 1.8 takes such
 * a node for one that it does not know.
 */
function inNamespace(directory: string, { rounds, note }: BenchOptions): Promise<Measured> {
  const worker = join(import.meta.dirname, 'runtime/worker.mjs');
  const hybrid = '/sys/fs/cgroup/unified';
  const script = `if [ -d ${hybrid} ]; then umount ${hybrid}; fi; exec "$@"`;
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, worker, directory];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...args, String(rounds)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4096);
      for (const line of chunk.toString().trim().split('\n')) note(line);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Measured);
      else reject(new Error(`the measuring process ended with ${code}: ${errors}`));
    });
  });
}

/** A median against another, and the most that it may be of it. */
function ratio(name: string, own: readonly number[], other: readonly number[], limit: number): Figure {
  const value = median(own) / median(other);
  return { bench, name, unit: '×', verdict: { wanted: `≤ ${limit} ×`, met: value <= limit }, samples: [value] };
}

function pullFigures({ own, skopeo, tar, compressedMB, unpackedMB }: Measured['pulls']): Figure[] {
  const size = `${compressedMB.toFixed(0)} MB, ${unpackedMB.toFixed(0)} MB unpacked`;
  const both = skopeo.map((time, round) => time + (tar[round] ?? 0));
  return [
    { bench, name: `pull of 5 layers (${size}): timonel`, unit: 'ms', samples: own },
    { bench, name: 'skopeo copy', unit: 'ms', samples: skopeo },
    { bench, name: 'unpack of its copy by GNU tar', unit: 'ms', samples: tar },
    ratio('pull, of skopeo copy + unpack', own, both, 1),
  ];
}

function figuresOf({ starts, monitors, pulls }: Measured): Figure[] {
  const times = (Object.entries(subjects) as [Subject, string][]).map(([subject, name]): Figure => ({
    bench,
    name,
    unit: 'ms',
    samples: starts[subject],
  }));
  const memory = (name: string, samples: readonly number[]): Figure => ({ bench, name, unit: 'MB', samples });
  return [
    ...times,
    ratio('pod and container, of crun run', starts.pod, starts.crun, 0.5),
    ratio('pod and container, of runc run', starts.pod, starts.runc, 0.25),
    ratio('container alone, of crun run', starts.container, starts.crun, 0.5),
    ratio('container alone, of runc run', starts.container, starts.runc, 0.25),
    memory('monitor of a container, resident: timonel', monitors.own),
    memory('conmon', monitors.conmon),
    memory('containerd-shim-runc-v2', monitors.shim),
    ratio('monitor, of conmon', monitors.own, monitors.conmon, 1),
    ratio("monitor, of containerd's shim", monitors.own, monitors.shim, 0.1),
    ...pullFigures(pulls),
  ];
}

export const runtime: Bench = {
  name: bench,
  description: 'containers from nothing to nothing, monitors, pulls: beside crun, runc, conmon, containerd and skopeo',
  needsRoot: true,
  defaultRounds: 50,
  run: (options) => {
    checkPrograms();
    return withTemporaryFolder('timonel-bench-runtime-', async (directory) =>
      figuresOf(await inNamespace(directory, options)),
    );
  },
};
