import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type KubeObject } from '@timonel/sdk/kube';
import { bind } from './binder.ts';
import { aPod } from '../testing/stand-ins.ts';

function answering(answer: () => Promise<unknown>): { api: ApiClient; bodies: KubeObject[] } {
  const bodies: KubeObject[] = [];
  const api = {
    createSubresource: (_type: unknown, _name: unknown, _subresource: unknown, body: KubeObject) => {
      bodies.push(body);
      return answer();
    },
  } as unknown as ApiClient;
  return { api, bodies };
}

describe('a binding', () => {
  it('names the node, and the uid of the pod as its precondition', async () => {
    const { api, bodies } = answering(() => Promise.resolve());
    expect(await bind(api, aPod('p'), 'a')).toEqual({ outcome: 'bound' });
    expect(bodies).toMatchObject([
      {
        kind: 'Binding',
        metadata: { name: 'p', namespace: 'default', uid: 'uid-p' },
        target: { kind: 'Node', name: 'a' },
      },
    ]);
  });

  it.each(['NotFound', 'Conflict'] as const)('is obsolete when the API says %s', async (reason) => {
    const { api } = answering(() => Promise.reject(new ApiError(reason, 'no')));
    expect(await bind(api, aPod('p'), 'a')).toEqual({ outcome: 'obsolete', reason });
  });

  it('fails for any other reason', async () => {
    const error = new ApiError('ServiceUnavailable', 'not now');
    const { api } = answering(() => Promise.reject(error));
    expect(await bind(api, aPod('p'), 'a')).toEqual({ outcome: 'failed', error });
  });
});
