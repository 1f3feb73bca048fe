// Boots and stops a kernel without plugins in this process; prints how long that took, as JSON.
import { performance } from 'node:perf_hooks';

const began = performance.now();
const { createKernel, createRealEnv } = await import('@timonel/core');
const imported = performance.now();
const nothing = () => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };
const kernel = createKernel({ env: createRealEnv(), log, plugins: [] });
await kernel.start();
const { problems } = await kernel.stop();
const stopped = performance.now();
if (problems.length > 0) throw new Error(JSON.stringify(problems));
console.log(JSON.stringify({ importMs: imported - began, kernelMs: stopped - imported }));
