import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../contracts/api/index.ts';
import { ApiError, configMaps, pods, type KubeObject } from '../../kube/index.ts';
import { OwnWrites } from '../own-writes.ts';
import { act } from './actions.ts';
import { EventTeller } from './event-teller.ts';
import { executeActions } from './executor.ts';

const object: KubeObject = { metadata: { namespace: 'default', name: 'p', resourceVersion: '1' } };

/** The reasons of the events of one update that is to tell only of its failure. */
async function told(update: () => Promise<KubeObject>): Promise<string[]> {
  const reasons: string[] = [];
  const failure = { reason: 'FailedUpdate', message: 'Error updating: ' };
  const event = { reason: 'Updated', message: 'updated', onlyFailure: true, failure };
  await executeActions(
    {
      api: { update } as unknown as ApiClient,
      events: new EventTeller({ record: (_, __, ___, reason) => void reasons.push(reason) }),
      fieldManager: 'test',
      cacheOf: () => undefined,
    },
    {
      key: 'default/a',
      subjectType: configMaps,
      subject: { metadata: { name: 'a' } },
      ownWrites: new OwnWrites(() => undefined),
    },
    [act.update(pods, object as never, object as never, { cause: { code: 'Test', text: 'for the test' }, event })],
  );
  return reasons;
}

describe('an action that tells only of its failure', () => {
  it('says nothing when it is carried out', async () => {
    expect(await told(() => Promise.resolve(object))).toEqual([]);
  });

  it('says that the API refused it', async () => {
    expect(await told(() => Promise.reject(new ApiError('Forbidden', 'no')))).toEqual(['FailedUpdate']);
  });

  it('says nothing when somebody else was faster: the next pass looks anew', async () => {
    expect(await told(() => Promise.reject(new ApiError('Conflict', 'changed')))).toEqual([]);
  });
});
