/** Runs a part of the benchmark in namespaces of its own: links, rules, settings, mounts and processes end with it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions } from '../bench.ts';
import { withCleanup, withTemporaryFolder } from '../cleanup.ts';

/** Names of files `NAME-worker.ts` that export `work(directory, rounds)`, which answers what is handed over. */
export type Part = 'traffic' | 'sync' | 'dns';

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];

export function inNamespaces<T>(part: Part, { rounds, note }: Pick<BenchOptions, 'rounds' | 'note'>): Promise<T> {
  return withTemporaryFolder(`timonel-bench-${part}-`, (directory) => {
    const worker = join(import.meta.dirname, 'worker.mjs');
    const args = [...namespaces, process.execPath, worker, part, directory, String(rounds)];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    return withCleanup(
      async () => {
        child.kill('SIGKILL');
        await ended;
      },
      async () => {
        let out = '';
        let errors = '';
        child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => {
          errors = (errors + chunk.toString()).slice(-4096);
          for (const line of chunk.toString().trim().split('\n')) note(line);
        });
        const code = await ended;
        if (code !== 0) throw new Error(`the measuring process of ${part} ended with ${code}: ${errors}`);
        return JSON.parse(out.trim().split('\n').at(-1) ?? '') as T;
      },
    );
  });
}

/** Programs of Debian, by their package. */
export function checkPrograms(needed: Readonly<Record<string, string>>): void {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/lib/cni'];
  const absent = Object.entries(needed).filter(([name]) => !folders.some((folder) => existsSync(join(folder, name))));
  if (absent.length > 0) throw new Error(`missing: apt-get install ${absent.map(([, debian]) => debian).join(' ')}`);
}
