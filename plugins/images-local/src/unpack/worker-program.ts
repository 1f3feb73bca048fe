/** The program of a thread that unpacks: one job after the other, each answered by a result or a fault. */
import { parentPort } from 'node:worker_threads';
import type { Job, JobAnswer, JobFault, JobMessage, JobResults } from './jobs.ts';
import { stageArchive } from './archive-files.ts';
import { unpackLayer } from './layer-unpack.ts';
import { readTarFile } from './tar-stream.ts';

function faultOf(error: unknown): JobFault {
  const { name, message, reason, code, syscall } = error as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    name: text(name) ?? 'Error',
    message: text(message) ?? String(error),
    reason: text(reason),
    code: text(code),
    syscall: text(syscall),
  };
}

async function run(job: Job, check: () => void): Promise<JobResults[Job['kind']]> {
  switch (job.kind) {
    case 'layer': {
      const file = { path: job.path, what: job.what, maxBytes: job.limits.maxLayerBytes, check };
      return unpackLayer((visitor) => readTarFile(file, visitor), job.root, job.lower, job.limits);
    }
    case 'archive':
      return stageArchive(job.path, job.directory, job.limits, check);
    default: {
      const { packDirectory } = await import('./directory-tar.ts');
      return packDirectory(job.directory, job.path, check);
    }
  }
}

parentPort?.on('message', ({ job, shared }: JobMessage) => {
  const check = (): void => {
    Atomics.add(shared, 1, 1);
    if (Atomics.load(shared, 0) === 1) throw new DOMException('it was stopped', 'AbortError');
  };
  void run(job, check)
    .then(
      (result): JobAnswer => ({ result }),
      (error: unknown): JobAnswer => ({ fault: faultOf(error) }),
    )
    .then((answer) => parentPort?.postMessage(answer));
});
