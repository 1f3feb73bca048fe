import { describe, expect, it } from '@jest/globals';
import type { EnsuredImage, ImageService, PullOptions } from '@timonel/sdk/contracts/images';
import type { Secret, ServiceAccount } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { Semaphore } from '../agent/semaphore.ts';
import { digestReference, namesOf } from '../container/image-digest.ts';
import { podWith } from '../plan/testing.ts';
import { ImagePuller, pullPolicyOf } from './puller.ts';

const signal = new AbortController().signal;
const imageOf = (pulled: EnsuredImage['pulled']): EnsuredImage =>
  ({ id: 'sha256:1', references: [], sizeBytes: 1234, created: '', config: {}, rootfs: {}, pulled }) as never;

/** Pulls take two seconds each. */
function bench(account: ServiceAccount | undefined, bound?: Semaphore) {
  const env = manualEnv();
  const asked: PullOptions[] = [];
  const events: string[] = [];
  const images: Pick<ImageService, 'find' | 'ensure'> = {
    find: async (reference) => (reference === 'here:1' ? imageOf(undefined) : undefined),
    ensure: async (_reference, _policy, options = {}) => {
      asked.push(options);
      await env.timers.sleep(2000);
      return imageOf({ bytes: 1000, durationMs: 2000 });
    },
  };
  const data = { '.dockercfg': Buffer.from('{"r.example":{"username":"u","password":"p"}}').toString('base64') };
  const secrets: Record<string, Secret> = { good: { metadata: {}, type: 'kubernetes.io/dockercfg', data } };
  const sources = {
    secret: async (_namespace: string, name: string) => secrets[name],
    serviceAccount: async (_namespace: string, name: string) => (name === 'robot' ? account : undefined),
  };
  const event = (_pod: unknown, type: string, reason: string, message: string): void =>
    void events.push(`${type} ${reason}: ${message}`);
  return { env, asked, events, puller: new ImagePuller({ images, sources, env, bound, event }) };
}

describe('pulls', () => {
  it('tell how long they took, with and without waiting for others', async () => {
    const { env, events, puller } = bench(undefined, new Semaphore(1));
    const both = ['a:1', 'b:1'].map((name) => puller.pull(podWith(), name, 'Always', signal));
    await env.advance(5000);
    await Promise.all(both);
    expect(events).toEqual([
      'Normal Pulling: Pulling image "a:1"',
      'Normal Pulled: Successfully pulled image "a:1" in 2s (2s including waiting). Image size: 1234 bytes.',
      'Normal Pulling: Pulling image "b:1"',
      'Normal Pulled: Successfully pulled image "b:1" in 2s (4s including waiting). Image size: 1234 bytes.',
    ]);
  });

  it.each<[string, object, ServiceAccount | undefined, string[], number]>([
    ['the pod', { imagePullSecrets: [{ name: 'good' }, { name: 'gone' }] }, undefined, ['gone'], 1],
    [
      'its service account when it names none',
      { serviceAccountName: 'robot' },
      { metadata: {}, imagePullSecrets: [{ name: 'good' }] },
      [],
      1,
    ],
    [
      'the pod alone when it names some',
      { serviceAccountName: 'robot', imagePullSecrets: [{ name: 'lost' }] },
      { metadata: {}, imagePullSecrets: [{ name: 'good' }] },
      ['lost'],
      0,
    ],
    ['nobody', {}, undefined, [], 0],
  ])('get the credentials of %s', async (_whom, spec, account, missing, found) => {
    const { env, asked, events, puller } = bench(account);
    const pull = puller.pull(podWith(spec), 'r.example/a:1', 'IfNotPresent', signal);
    await env.advance(2000);
    await pull;
    const credentials = [{ registry: 'r.example', username: 'u', password: 'p' }].slice(0, found);
    expect(asked).toMatchObject([{ credentials }]);
    const told = events.filter((text) => text.includes('FailedToRetrieveImagePullSecret'));
    expect(told).toEqual(missing.map((name) => expect.stringContaining(`secrets (${name});`)));
  });

  it('are not made of what is here, and begin only while somebody wants them', async () => {
    const { asked, events, puller } = bench(undefined);
    expect(await puller.present(podWith(), 'here:1', 'Always')).toBeUndefined();
    expect(await puller.present(podWith(), 'absent:1', 'IfNotPresent')).toBeUndefined();
    await expect(puller.pull(podWith(), 'a:1', 'Always', AbortSignal.abort())).rejects.toThrow('abort');
    expect({ asked, events }).toEqual({ asked: [], events: [] });
  });

  it.each([
    [
      'InvalidImageName',
      ['InspectFailed: Failed to apply default image tag "A": no name', 'Failed: Error: InvalidImageName'],
    ],
    [
      'ErrImageNeverPull',
      [
        'ErrImageNeverPull: Container image "A" is not present with pull policy of Never',
        'Failed: Error: ErrImageNeverPull',
      ],
    ],
    ['RegistryUnavailable', ['Failed: Failed to pull image "A": no name', 'Failed: Error: RegistryUnavailable']],
  ])('that fail with %s say so as the kubelet does', (reason, expected) => {
    const { events, puller } = bench(undefined);
    puller.failed(podWith(), 'A', reason, new Error('no name'));
    expect(events).toEqual(expected.map((text) => `Warning ${text}`));
  });
});

describe('names of images', () => {
  it.each([
    [{ image: 'a' }, 'Always'],
    [{ image: 'host:5000/a' }, 'Always'],
    [{ image: 'a:latest' }, 'Always'],
    [{ image: 'a:1' }, 'IfNotPresent'],
    [{ image: 'a@sha256:1' }, 'IfNotPresent'],
    [{ image: 'a:1', imagePullPolicy: 'Never' }, 'Never'],
  ])('%j is pulled %s', (container, policy) => expect(pullPolicyOf(container)).toBe(policy));

  it.each([
    ['nginx:1', ['sha256:1', 'sha256:2'], 'docker.io/library/nginx@sha256:1'],
    ['localhost:5000/a', ['sha256:3'], 'localhost:5000/a@sha256:3'],
    ['me/a:1@sha256:4', ['sha256:5'], 'docker.io/me/a@sha256:4'],
    ['me/a:1', undefined, undefined],
    ['sha256:77', ['sha256:1'], undefined],
  ])('%s with the digests %j is %s', (image, digests, expected) => {
    expect(digestReference(image, digests)).toBe(expected);
  });

  it('are told by digest and by tag', () => {
    const references = ['docker.io/library/a:1', 'docker.io/library/a:2', 'q.io:5000/b:1'];
    expect(namesOf({ references })).toEqual(references);
    expect(namesOf({ references, digests: ['sha256:1'] })).toEqual([
      'docker.io/library/a@sha256:1',
      'q.io:5000/b@sha256:1',
      ...references,
    ]);
  });
});
