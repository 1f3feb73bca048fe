import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Runs `count` seeds from `first` on over some threads; `onResult` may say that it has seen enough by returning true. */
export async function runSeeds({ directory, first, count, workers, options, onResult }) {
  let next = first;
  let enough = false;
  const runOne = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(join(import.meta.dirname, 'worker.mjs'), { workerData: { directory, options } });
      worker.on('error', reject);
      worker.on('exit', resolve);
      worker.on('message', (result) => {
        if (result !== 'ready' && onResult(result) === true) enough = true;
        if (enough || next >= first + count) void worker.terminate();
        else worker.postMessage(next++);
      });
    });
  await Promise.all(Array.from({ length: Math.min(workers, count) }, runOne));
}
