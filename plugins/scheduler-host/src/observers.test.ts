import { describe, expect, it } from '@jest/globals';
import { createRecordingLogger } from '@timonel/testkit';
import { Observers, type HostObserver } from './observers.ts';
import { aPodInfo } from './testing/stand-ins.ts';

describe('observers', () => {
  it('are all told, whatever one of them throws', () => {
    const log = createRecordingLogger();
    const told: string[] = [];
    const broken: HostObserver = {
      deciding: () => ({
        decided: () => {
          throw new Error('boom');
        },
      }),
      podGone: () => {
        throw new Error('boom');
      },
    };
    const sound: HostObserver = {
      deciding: (pods) => ({
        decided: (decisions) => told.push(`decided ${pods.length} ${decisions.length}`),
        failed: (error) => told.push(String(error)),
      }),
      podGone: (uid) => told.push(uid),
    };
    const observers = new Observers([broken, {}, sound], log);
    const batch = observers.deciding([aPodInfo('p')], undefined as never);
    batch.decided([]);
    batch.failed('failed');
    observers.podGone('uid-p');
    observers.preempted(1);
    expect(told).toEqual(['decided 1 0', 'failed', 'uid-p']);
    expect(log.lines).toHaveLength(2);
  });
});
