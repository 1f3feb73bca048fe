// Runs seeds as they are handed out, each to its end.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { runSeed } = await import(pathToFileURL(join(workerData.directory, 'test/simulation/scenario/run.js')).href);

parentPort.on('message', (seed) => {
  try {
    parentPort.postMessage(runSeed({ seed, ...workerData.options }));
  } catch (error) {
    parentPort.postMessage({
      seed,
      violations: [`the simulation itself failed: ${error.stack}`],
      tail: [],
      counts: {},
    });
  }
});
parentPort.postMessage('ready');
