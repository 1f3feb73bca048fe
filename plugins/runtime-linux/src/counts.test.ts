/** What the node has of everything, before and after 500 containers. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';
import { instanceOf } from './layout.ts';
import { leftovers } from './testing/leftovers.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterAll(() => bed.close());

const kinds = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'user'];

/** Namespaces that a process of this runtime is in. */
function namespaces(): number {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const isOurs =
        pid === String(process.pid) || readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(instanceOf(bed.dataDir));
      if (isOurs) for (const kind of kinds) found.add(readlinkSync(`/proc/${pid}/ns/${kind}`));
    } catch {
      // it ended while we read
    }
  }
  return found.size;
}

const counts = (): Record<string, unknown> => ({
  namespaces: namespaces(),
  descriptors: readdirSync('/proc/self/fd').length,
  files: readdirSync(bed.dataDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^(?:logs|spare)\//.test(path))
    .toSorted((a, b) => (a < b ? -1 : 1)),
  left: leftovers(bed.dataDir),
});

describe('500 containers', () => {
  it('leave no mount, control group, namespace, process, descriptor or file', async () => {
    await bed.run('true'); // what is made once is there
    await bed.removeAll();
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'the end of the first' });
    const before = counts();
    for (let round = 0; round < 10; round++) {
      const sandboxes = await Promise.all(Array.from({ length: 5 }, () => bed.sandbox()));
      const ids = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          bed.started(sandboxes[i % 5] ?? '', [i % 2 === 0 ? 'true' : 'sleep', '60']),
        ),
      );
      if (round === 0) expect(namespaces()).toBeGreaterThan(Number(before['namespaces']));
      expect(ids).toHaveLength(50);
      await bed.removeAll();
    }
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'the end of all' });
    expect(counts()).toEqual(before);
  }, 60_000);
});
