import { Script } from 'node:vm';
import { expect, it } from '@jest/globals';
import type { Node } from '../kube/index.ts';
import type { PodInfo, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';
import { schedulerOf } from './scheduler-of.ts';

const slot = new Script(`globalThis[Symbol.for('timonel.test.cutOff')] ??= {}`).runInThisContext() as {
  fn?: () => void;
};
const script = new Script(`globalThis[Symbol.for('timonel.test.cutOff')].fn()`);

/** As a host does with a scheduler that does not return. */
function cutOff(fn: () => void): void {
  slot.fn = fn;
  expect(() => script.runInThisContext({ timeout: 20 }) as unknown).toThrow('timed out');
}

const classes = new PodClasses();
const pod = (uid: string, cpu: string): PodInfo =>
  classes.infoOf({
    metadata: { name: uid, uid },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
  });

it('trusts nothing of a call that was cut off, and leaves out in the end who does not return', async () => {
  const short = { code: 'cpu', text: 'Insufficient cpu', resolvable: true };
  let loops = false;
  const fit: SchedulingPlugin = {
    name: 'Fit',
    filter: ({ class: { request } }, { rows, count, view }, verdicts) => {
      for (const row of rows.subarray(0, count)) {
        const used = (view.requested('cpu')[row] ?? 0) + request.milliCpu;
        if (used > (view.allocatable('cpu')[row] ?? 0)) verdicts.reject(row, short);
      }
    },
  };
  const looping: SchedulingPlugin = {
    name: 'Looping',
    filter: (info) => {
      const hangs = (): boolean => loops && info.uid === 'second';
      while (hangs());
    },
  };
  const one = schedulerOf({ plugins: [fit, looping], timers: { after: () => ({ cancel: () => undefined }) } });
  const node: Node = { metadata: { name: 'a' }, spec: {}, status: { allocatable: { cpu: '2' } } };
  const snapshot = listSnapshot([node]);
  const outcomes = async (): Promise<string[]> =>
    (await one.decide([pod('first', '1'), pod('second', '1')], snapshot)).map(({ outcome }) => outcome);
  expect(await outcomes()).toEqual(['bind', 'bind']);
  for (let count = 1; count <= 10; count += 1) {
    loops = true;
    cutOff(() => void one.decide([pod('first', '1'), pod('second', '1')], snapshot));
    expect(one.traits.running?.()).toBe('Looping');
    loops = false;
    expect(await outcomes()).toEqual(['bind', 'bind']);
    expect(one.traits.faults?.()).toMatchObject([{ plugin: 'Looping', faults: count, lastFault: 'did not return' }]);
  }
  loops = true;
  expect(await outcomes()).toEqual(['bind', 'bind']);
});
