/** How long it takes to give a pod its network, and to take it away, beside Debian's CNI plugin `bridge`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BenchOptions } from '../bench.ts';
import { withTemporaryFolder } from '../cleanup.ts';
import { median, type Figure } from '../figures.ts';

/** Times in ms. */
export interface AttachSamples {
  readonly own: Steps;
  /** With masquerading, which network-bridge has, too. */
  readonly cni: Steps;
  readonly cniPlain: Steps;
}

interface Steps {
  readonly attach: readonly number[];
  readonly detach: readonly number[];
}

/** At most half of the CNI plugin's time. */
const wantedRatio = 0.5;

export async function attachFigures(
  bench: string,
  { rounds, note }: Pick<BenchOptions, 'rounds' | 'note'>,
): Promise<readonly Figure[]> {
  note(`pod networks: ${rounds} rounds beside the CNI plugin bridge`);
  const samples = await withTemporaryFolder('timonel-bench-attach-', (directory) => inNamespaces(directory, rounds));
  const value = median(samples.own.attach) / median(samples.cni.attach);
  const verdict = { wanted: `≤ ${wantedRatio} ×`, met: value <= wantedRatio };
  const times = (name: string, of: readonly number[]): Figure => ({ bench, name, unit: 'ms', samples: of });
  return [
    times('pod network: attach', samples.own.attach),
    times('pod network: attach, CNI bridge', samples.cni.attach),
    times('pod network: attach, CNI bridge without masquerading', samples.cniPlain.attach),
    { bench, name: 'pod network: attach / CNI bridge', unit: '×', verdict, samples: [value] },
    times('pod network: detach', samples.own.detach),
    times('pod network: detach, CNI bridge', samples.cni.detach),
  ];
}

/** Links, rules and settings of the network end with its namespace. */
function inNamespaces(directory: string, rounds: number): Promise<AttachSamples> {
  const worker = join(import.meta.dirname, 'attach-worker.mjs');
  const namespaces = ['--net', '--mount', '--propagation', 'private'];
  return new Promise((resolve, reject) => {
    const args = [...namespaces, process.execPath, worker, directory, String(rounds)];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4096)));
    child.on('error', reject);
    child.on('close', (code) => {
      const last = out.trim().split('\n').at(-1) ?? '';
      if (code === 0) resolve(JSON.parse(last) as AttachSamples);
      else reject(new Error(`the measuring process ended with ${code}: ${errors}`));
    });
  });
}
