/** Limits and what follows from them, on whichever version of control groups this kernel has: a guest runs these on the other one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { OciKind } from './host.ts';
import { Bed } from './testing/bed.ts';

const mib = 1024 * 1024;
const showLimit = 'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes';

describe.each<OciKind>(['crun', 'runc'])('limits of %s containers', (kind) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = new Bed(kind, createRealEnv());
    await bed.open();
  }, 60_000);
  afterEach(() => bed.removeAll(), 60_000);
  afterAll(async () => expect(await bed.close()).toEqual([]), 60_000);

  it('hold, are seen from within, are changed in place, and end who needs more', async () => {
    const sandbox = await bed.sandbox({
      qosClass: 'Burstable',
      resources: { memoryLimitBytes: 512 * mib, cpuShares: 512 },
    });
    const resources = { memoryLimitBytes: 100 * mib, cpuShares: 256, pidsLimit: 20 };
    const first = await bed.run(`${showLimit}; exit 3`, { resources }, sandbox);
    expect(first).toMatchObject({ exitCode: 3, stdout: String(100 * mib) });

    const id = await bed.started(sandbox, ['sleep', '60'], { resources });
    await bed.runtime.updateContainer(id, { memoryLimitBytes: 64 * mib });
    const session = await bed.runtime.exec(id, { command: ['sh', '-c', showLimit], tty: false, stdin: false });
    let seen = '';
    session.stdout.on('data', (chunk) => (seen += String(chunk)));
    expect([await session.exited, seen.trim()]).toEqual([0, String(64 * mib)]);
    const figures = await bed.runtime.stats();
    expect(figures.map((each) => [each.id, each.pids])).toEqual([[id, 1]]);

    const greedy = 'x=$(head -c 60000000 /dev/zero | tr "\\0" "a"); echo no';
    const killed = await bed.run(greedy, { resources: { memoryLimitBytes: 16 * mib } }, sandbox);
    expect(killed).toMatchObject({ reason: 'OOMKilled', stdout: '' });
  }, 60_000);

  it('go with user namespaces', async () => {
    const userNamespace = { firstUid: 200_000, firstGid: 200_000, length: 65_536 };
    const sandbox = await bed.sandbox({ userNamespace });
    const result = await bed.run(showLimit, { resources: { memoryLimitBytes: 32 * mib } }, sandbox);
    expect(result).toMatchObject({ exitCode: 0, stdout: String(32 * mib) });
  }, 60_000);
});
