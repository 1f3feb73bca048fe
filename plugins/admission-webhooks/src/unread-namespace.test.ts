import { expect, it } from '@jest/globals';
import { ApiError } from '@timonel/sdk/kube';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { Asker, type AskParts } from './ask.ts';
import { hooksIn } from './hooks.ts';

const name = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap' };
const request = { ...name, operation: 'CREATE', subresource: '', name: 'a', namespace: 'team' };
const object = { metadata: { name: 'a', labels: { chosen: 'yes' } } } as unknown as AdmissionObject;

/** The answer of a webhook that selects namespaces by their labels, when those cannot be read. */
async function answerTo(reading: unknown, more: object = {}): Promise<unknown> {
  const webhook = {
    name: 'w.example.com',
    clientConfig: {},
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    namespaceSelector: { matchLabels: { team: 'yes' } },
    ...more,
  };
  const [hook] = hooksIn([{ metadata: { name: 'hooks' }, webhooks: [webhook] }], 'validating');
  const asker = new Asker({ labelsOf: () => Promise.reject(reading) } as unknown as AskParts);
  if (hook === undefined) throw new Error('there is no hook');
  return asker.ask({ hook, name }, object, request as unknown as AdmissionRequest);
}

it.each(['Fail', 'Ignore'])(
  'a namespace that is not there is said to be missing, with failurePolicy %s',
  async (failurePolicy) => {
    const missing = new ApiError('NotFound', 'gone', { name: 'team', kind: 'namespaces' });
    expect(await answerTo(missing, { failurePolicy })).toMatchObject({
      kind: 'refused',
      refusal: { code: 404, reason: 'NotFound', message: 'namespaces "team" not found' },
    });
  },
);

it.each(['Fail', 'Ignore'])(
  'one that cannot be read is an internal error, with failurePolicy %s',
  async (failurePolicy) => {
    expect(await answerTo(new ApiError('ServiceUnavailable', 'the store is away'), { failurePolicy })).toMatchObject({
      kind: 'refused',
      refusal: { code: 500, reason: 'InternalError', message: 'Internal error occurred: the store is away' },
    });
  },
);

it('nobody reads it for an object that is not meant', async () => {
  const objectSelector = { matchLabels: { chosen: 'no' } };
  expect(await answerTo(new Error('unread'), { objectSelector })).toEqual({ kind: 'passed' });
});
