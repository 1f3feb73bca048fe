/** Who reads slowly, but reads, sets the pace of the container for as long as it takes. */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const blocks = 72;
const blockBytes = 65_537;
/** At this pace all of it takes much longer than a reader that takes nothing is waited for. */
const turnMs = 150;

it('gets everything, however long he keeps it waiting in all', async () => {
  const script = `read -r go; i=0; while [ $i -lt ${blocks} ]; do printf "%0${blockBytes - 1}d\\n" $i; i=$((i+1)); done; exit 3`;
  const id = await bed.started(await bed.sandbox(), ['sh', '-c', script], { stdin: true });
  const session = await bed.runtime.attach(id, { stdin: true });
  let received = 0;
  session.stdin?.write('go\n');
  const takeSome = (): boolean => {
    const chunk = session.stdout.read() as { readonly length: number } | null;
    received += chunk?.length ?? 0;
    return received >= blocks * blockBytes;
  };
  await until(takeSome, { what: 'all to arrive', intervalMs: turnMs, timeoutMs: 50_000 });
  expect(received).toBe(blocks * blockBytes);
  session.stdout.resume();
  expect(await session.exited).toBe(3);
}, 60_000);
