import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ImageError, type EnsuredImage, type ImageService, type PullOptions } from '@timonel/sdk/contracts/images';
import type { Secret, ServiceAccount } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { Semaphore } from '../agent/semaphore.ts';
import { digestReference, namesOf } from '../container/image-digest.ts';
import { podWith } from '../plan/testing.ts';
import { fitsImage } from './pod-credentials.ts';
import { PullRecords } from './pull-records.ts';
import { ImagePuller, pullPolicyOf } from './puller.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-pulls-'));
  file = join(directory, 'pulled-images.json');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const signal = new AbortController().signal;
const imageOf = (pulled: EnsuredImage['pulled']): EnsuredImage =>
  ({ id: 'sha256:1', references: [], sizeBytes: 1234, created: '', config: {}, rootfs: {}, pulled }) as never;

/** Pulls take two seconds each; after one the image is there. */
function bench(account: ServiceAccount | undefined, bound?: Semaphore) {
  const pulled = new Set(['here:1']);
  const env = manualEnv();
  const asked: PullOptions[] = [];
  const events: string[] = [];
  const images: Pick<ImageService, 'find' | 'ensure'> = {
    find: async (reference) => {
      if (reference.includes(' ')) throw new ImageError('InvalidImageName', 'no name');
      return pulled.has(reference) ? imageOf(undefined) : undefined;
    },
    ensure: async (reference, policy, options = {}) => {
      if (policy !== 'Always') return imageOf(undefined);
      asked.push(options);
      pulled.add(reference);
      await env.advance(2000);
      return imageOf({ bytes: 1000, durationMs: 2000 });
    },
  };
  const data = { '.dockercfg': Buffer.from('{"r.example":{"username":"u","password":"p"}}').toString('base64') };
  const secrets: Record<string, Secret> = { good: { metadata: {}, type: 'kubernetes.io/dockercfg', data } };
  const sources = {
    secret: async (_namespace: string, name: string) => secrets[name],
    serviceAccount: async (_namespace: string, name: string) => (name === 'robot' ? account : undefined),
  };
  const present = async (): Promise<readonly string[]> => [];
  const log = createRecordingLogger();
  const records = new PullRecords({ file, policy: 'NeverVerifyPreloadedImages', log, present });
  const event = (_pod: unknown, type: string, reason: string, message: string): void =>
    void events.push(`${type} ${reason}: ${message}`);
  return { asked, events, puller: new ImagePuller({ images, sources, records, env, bound, event }) };
}

describe('pulls', () => {
  it.each(['Always', 'IfNotPresent', 'Never'] as const)('of a name that is none are not begun: %s', async (policy) => {
    const { events, puller } = bench(undefined);
    await expect(puller.present(podWith(), 'no name', policy)).rejects.toMatchObject({ reason: 'InvalidImageName' });
    expect(events).toEqual([]);
  });

  it('tell how long they took, with and without waiting for others', async () => {
    const { events, puller } = bench(undefined, new Semaphore(1));
    const both = ['a:1', 'b:1'].map((name) => puller.pull(podWith(), name, signal));
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
    const { asked, events, puller } = bench(account);
    await puller.pull(podWith(spec), 'r.example/a:1', signal);
    const credentials = [{ registry: 'r.example', username: 'u', password: 'p' }].slice(0, found);
    expect(asked).toMatchObject([{ credentials }]);
    const told = events.filter((text) => text.includes('FailedToRetrieveImagePullSecret'));
    expect(told).toEqual(missing.map((name) => expect.stringContaining(`secrets (${name});`)));
  });

  it('are not made of what is here, and begin only while somebody wants them', async () => {
    const { asked, events, puller } = bench(undefined);
    expect(await puller.present(podWith(), 'here:1', 'Always')).toBeUndefined();
    expect(await puller.present(podWith(), 'absent:1', 'IfNotPresent')).toBeUndefined();
    await expect(puller.pull(podWith(), 'a:1', AbortSignal.abort())).rejects.toThrow('abort');
    expect({ asked, events }).toEqual({ asked: [], events: [] });
  });

  it('with credentials open the image to those who have them, and to others only once the registry says so', async () => {
    const { asked, events, puller } = bench(undefined);
    const owner = podWith({ imagePullSecrets: [{ name: 'good' }] });
    const image = 'r.example/a:1';
    await puller.pull(owner, image, signal);
    expect(await puller.present(owner, image, 'IfNotPresent')).toBeDefined();
    expect(await puller.present(podWith(), image, 'IfNotPresent')).toBeUndefined();
    await expect(puller.present(podWith(), image, 'Never')).rejects.toMatchObject({ reason: 'ErrImageNeverPull' });
    const known = events.length;
    await puller.pull(podWith(), image, signal);
    expect(asked.map(({ credentials }) => credentials?.length)).toEqual([1, 0]);
    expect(await puller.present(podWith(), image, 'Never')).toBeDefined();
    expect(events.slice(known)[0]).toBe(`Normal Pulling: Pulling image "${image}"`);
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

  it.each([
    ['docker.io', 'nginx:1', true],
    ['r.example/team', 'r.example/team/a:1', true],
    ['r.example/team', 'r.example/teams/a:1', false],
    ['*.example', 'r.example/a', true],
    ['*.example', 'a.b.example/a', false],
    ['r.example', 'r.example:5000/a', false],
  ])('credentials of %s for %s: %s', (registry, image, expected) => {
    expect(fitsImage({ registry }, image)).toBe(expected);
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
