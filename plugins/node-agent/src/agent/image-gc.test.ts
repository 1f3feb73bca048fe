import { expect, it } from '@jest/globals';
import { createSimulatedEnv, type Logger } from '@timonel/sdk';
import type { ImageInfo, PruneOptions } from '@timonel/sdk/contracts/images';
import type { Pod } from '@timonel/sdk/kube';
import { ImageGc, type ImageGcParts } from './image-gc.ts';

const gigabyte = 1e9;

function bed(usedPercent: number, change: Partial<ImageGcParts> = {}) {
  const asked: PruneOptions[] = [];
  const lines: string[] = [];
  const note = (_fields: unknown, text?: string): void => void lines.push(text ?? '');
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  const sim = createSimulatedEnv({ seed: 1 });
  const pod: Pod = {
    metadata: {},
    spec: {
      containers: [
        { name: 'c', image: 'web:1' },
        { name: 'd', image: 'Bad' },
      ],
    },
  };
  const gc = new ImageGc({
    images: {
      find: async (reference) => {
        if (reference === 'Bad') throw new Error('not a name');
        return { id: `id of ${reference}` } as ImageInfo;
      },
      prune: async (options) => {
        asked.push(options);
        return { removed: [], freedBytes: 1 };
      },
      usage: async () => ({
        path: '/',
        usedBytes: 0,
        capacityBytes: 100 * gigabyte,
        availableBytes: (100 - usedPercent) * gigabyte,
      }),
    },
    runtimes: {
      all: () => [{ plugin: 'r', service: { listContainers: async () => [{ imageId: 'id of a container' }] } }],
      onChange: () => undefined,
    } as unknown as ImageGcParts['runtimes'],
    pods: () => [pod],
    env: sim,
    log,
    policy: { highThresholdPercent: 85, lowThresholdPercent: 80 },
    ...change,
  });
  return { gc, asked, lines, sim };
}

const inUse = ['id of a container', 'id of web:1'];

it('looks every five minutes until it is stopped', async () => {
  const { gc, asked, sim } = bed(50);
  gc.start();
  await sim.advance(299_000);
  expect(asked).toHaveLength(0);
  await sim.advance(302_000);
  expect(asked).toHaveLength(2);
  await gc.stop();
  await sim.advance(900_000);
  expect(asked).toHaveLength(2);
});

it('below the high threshold nothing goes, and the images in use are noted', async () => {
  const { gc, asked } = bed(84);
  await gc.run();
  expect(asked).toEqual([{ inUse, bytes: 0 }]);
});

it('from the high threshold on as much goes as the low one asks for; what is missing is said', async () => {
  const { gc, asked, lines } = bed(85);
  await gc.run();
  expect(asked).toEqual([{ inUse, bytes: 5 * gigabyte }]);
  expect(lines.join()).toMatch(/nearly full.*Failed to garbage collect/);
});

it('a high threshold of 100 switches it off', async () => {
  const { gc, asked } = bed(100, { policy: { highThresholdPercent: 100, lowThresholdPercent: 80 } });
  await gc.run();
  expect(asked).toEqual([{ inUse, bytes: 0 }]);
});

it('nothing is removed while a runtime does not say what it has', async () => {
  const none = bed(99, { runtimes: { all: () => [], onChange: () => undefined } });
  await none.gc.run();
  const failing = {
    all: () => [{ plugin: 'r', service: { listContainers: () => Promise.reject(new Error('away')) } }],
    onChange: () => undefined,
  } as unknown as ImageGcParts['runtimes'];
  const broken = bed(99, { runtimes: failing });
  await broken.gc.run();
  expect([...none.asked, ...broken.asked]).toEqual([]);
  expect(broken.lines).toEqual(['images could not be looked over']);
});

it('removes all that nobody uses when the disk is short, however full that is, and nothing while the runtimes are not known', async () => {
  const { gc, asked } = bed(50);
  await gc.removeUnused();
  expect(asked).toEqual([{ inUse, all: true }]);
  const unknown = bed(50, { runtimes: { all: () => [], onChange: () => undefined } });
  await unknown.gc.removeUnused();
  expect(unknown.asked).toEqual([]);
});
