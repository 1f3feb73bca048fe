/**
 * The first file of a thread that unpacks. Plain JavaScript outside of `src`, so that sources and build start the very same one: it loads
 * the program it is told, through tsx when that is TypeScript.
 */
import { workerData } from 'node:worker_threads';

if (workerData.program.endsWith('.ts')) {
  const { register } = await import('tsx/esm/api');
  register();
}
await import(workerData.program);
