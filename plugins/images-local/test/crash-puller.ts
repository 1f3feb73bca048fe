/**
 * Pulls an image into a store and is killed at the point it is told: `call N` (at the registry's Nth answer), `piece N` (at the Nth piece
 * of blobs), `state N` (at the Nth change that is reported). Ends by itself when the point is not reached.
 */
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { pieces } from '../../../sdk/testkit/src/contracts/images/fake-registry.ts';
import { openImageStore } from '../src/index.ts';
import { crashReference, crashRegistry } from './crash-image.ts';

const [, , dataDir = '', kind = '', count = '0'] = process.argv;
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const seen: Record<string, number> = {};

function reached(point: string): void {
  seen[point] = (seen[point] ?? 0) + 1;
  if (point === kind && seen[point] === Number(count)) process.kill(process.pid, 'SIGKILL');
}

const registry = crashRegistry();
registry.calls.push = (...calls: string[]): number => {
  reached('call');
  return Array.prototype.push.apply(registry.calls, calls);
};
registry.sendBlob = async function* (_digest, offset, bytes) {
  for await (const piece of pieces(bytes.subarray(offset), 128 * 1024)) {
    yield piece;
    // What was taken so far is on its way into the file.
    await new Promise((resolve) => setImmediate(resolve));
    reached('piece');
  }
};
const store = await openImageStore({ dataDir, env: createRealEnv(), log, registry: () => registry });
await store.ensure(crashReference, 'Always', { onProgress: () => reached('state') });
await store.close();
process.stdout.write(`${JSON.stringify(seen)}\n`);
