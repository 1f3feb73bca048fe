import type { BenchOptions } from '../bench.ts';
import type { Figure } from '../figures.ts';
import { checkPrograms, inNamespaces } from './namespaced.ts';
import type { SyncSamples } from './sync-worker.ts';

const bench = 'network';

/** From a real API server with its store to the rules of the kernel, by a node in another process. */
export async function syncFigures(options: Pick<BenchOptions, 'rounds' | 'note'>): Promise<readonly Figure[]> {
  checkPrograms({ nft: 'nftables' });
  const { firstSyncMs, changeMs } = await inNamespaces<SyncSamples>('sync', options);
  const what = '5,000 services × 3 endpoints';
  return [
    { bench, name: `${what}: first sync`, unit: 'ms', wanted: { p50: 2000 }, samples: firstSyncMs },
    { bench, name: `${what}: a change, API to kernel`, unit: 'ms', wanted: { p99: 50 }, samples: changeMs },
  ];
}
