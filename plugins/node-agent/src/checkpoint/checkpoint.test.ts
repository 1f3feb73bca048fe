import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type Secret } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { podWith } from '../plan/testing.ts';
import { decodeCheckpoint, encodeCheckpoint, readCheckpoint, type Checkpoint } from './checkpoint-file.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { sourcesOf, type SourceKey } from './references.ts';
import { RememberedSources, type RememberedSource } from './remembered-sources.ts';
import { openSourceSeal, SourceSeal } from './source-seal.ts';

const secretOf = (name: string, data = ''): Secret => ({
  metadata: { name, namespace: 'default', resourceVersion: '5' },
  data: { key: data },
});
const checkpointWith = (sources: Record<string, RememberedSource>): Checkpoint => ({
  nodeName: 'node-1',
  resourceVersion: '7',
  pods: [podWith({}, { managedFields: [{ manager: 'x' }] })],
  assignments: new Map([['uid-1', { handler: 'crun', firstId: 65_536, sandboxes: ['s0'] }]]),
  sources: new Map(Object.entries(sources) as [SourceKey, RememberedSource][]),
});

const seal = new SourceSeal(Buffer.alloc(32, 1), createRealEnv().random);
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-checkpoint-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the sources of a pod', () => {
  it('are all ConfigMaps and Secrets that it names', () => {
    const pod = podWith({
      containers: [
        {
          name: 'a',
          envFrom: [{ configMapRef: { name: 'c1' } }, { secretRef: { name: 's1' } }],
          env: [
            { name: 'X', valueFrom: { configMapKeyRef: { name: 'c2', key: 'k' } } },
            { name: 'Y', valueFrom: { secretKeyRef: { name: 's2', key: 'k' } } },
            { name: 'Z', value: 'plain' },
          ],
        },
      ],
      runtimeClassName: 'gvisor',
      imagePullSecrets: [{ name: 'pull' }, {}],
      initContainers: [{ name: 'i', envFrom: [{ configMapRef: { name: 'c3' } }] }],
      volumes: [
        { name: 'v1', configMap: { name: 'c4' } },
        { name: 'v2', secret: { secretName: 's3' } },
        { name: 'v3', projected: { sources: [{ configMap: { name: 'c5' } }, { secret: { name: 's4' } }, {}] } },
        { name: 'v4', emptyDir: {} },
        { name: 'v5', persistentVolumeClaim: { claimName: 'p1' } },
        { name: 'v6', ephemeral: {} },
      ],
    });
    expect([...sourcesOf(pod)].sort()).toEqual([
      ...['c1', 'c2', 'c3', 'c4', 'c5'].map((name) => `configmaps/default/${name}`),
      'persistentvolumeclaims/default/p1',
      `persistentvolumeclaims/default/${pod.metadata.name}-v6`,
      'runtimeclasses//gvisor',
      ...['pull', 's1', 's2', 's3', 's4'].map((name) => `secrets/default/${name}`),
      'serviceaccounts/default/default',
    ]);
  });
});

describe('the checkpoint', () => {
  it('is read as it was written, without what nobody needs', () => {
    const checkpoint = checkpointWith({ 'secrets/default/s': secretOf('s', 'v'), 'configmaps/default/none': null });
    const { text, leftOut } = encodeCheckpoint(checkpoint, { limitBytes: 1_000_000, seal });
    expect(leftOut).toBe(0);
    expect(text).not.toContain('managedFields');
    const again = decodeCheckpoint(text, seal);
    expect(again).toMatchObject({ nodeName: 'node-1', resourceVersion: '7', pods: [podWith()] });
    expect(Object.fromEntries(again.assignments)).toEqual(Object.fromEntries(checkpoint.assignments));
    expect(Object.fromEntries(again.sources)).toEqual({
      'secrets/default/s': secretOf('s', 'v'),
      'configmaps/default/none': null,
    });
  });

  it('does not show Secrets, and has no other text as long as they do not change', () => {
    const word = Buffer.from('planted').toString('base64');
    const encoded = (value: string): string => {
      const checkpoint = checkpointWith({ 'secrets/default/s': secretOf('s', value) });
      return encodeCheckpoint(checkpoint, { limitBytes: 1e6, seal }).text;
    };
    const text = encoded(word);
    expect(text).not.toContain(word.slice(2, -2));
    expect(encoded(word)).toBe(text);
    expect(encoded('other')).not.toBe(text);
  });

  it('is used without the Secrets when the key is another, and as it is when nothing was sealed', async () => {
    const first = await openSourceSeal(directory, createRealEnv().random);
    const sources = { 'secrets/default/s': secretOf('s', 'v'), 'configmaps/default/none': null } as const;
    const { text } = encodeCheckpoint(checkpointWith(sources), { limitBytes: 1e6, seal: first });
    const again = await openSourceSeal(directory, createRealEnv().random);
    expect(decodeCheckpoint(text, again).sources.get('secrets/default/s')).toEqual(secretOf('s', 'v'));
    expect([...decodeCheckpoint(text, seal).sources.keys()]).toEqual(['configmaps/default/none']);
    expect(statSync(join(directory, 'checkpoint.key')).mode & 0o777).toBe(0o600);
    const parsed = JSON.parse(text) as object;
    const older = JSON.stringify({ ...parsed, sources: { 'secrets/default/s': secretOf('s', 'v') } });
    expect(decodeCheckpoint(older, seal).sources.get('secrets/default/s')).toEqual(secretOf('s', 'v'));
  });

  it('has a bound: pods stay, sources go, the large ones first', () => {
    const sources = {
      'secrets/default/large': secretOf('large', 'x'.repeat(5000)),
      'secrets/default/s': secretOf('s'),
    };
    const some = encodeCheckpoint(checkpointWith(sources), { limitBytes: 2000, seal });
    expect(some.leftOut).toBe(1);
    expect([...decodeCheckpoint(some.text, seal).sources.keys()]).toEqual(['secrets/default/s']);
    const none = encodeCheckpoint(checkpointWith(sources), { limitBytes: 0, seal });
    expect(none.leftOut).toBe(2);
    expect(decodeCheckpoint(none.text, seal).pods).toHaveLength(1);
  });

  it.each(['', '{', '{"version":2}', '{"version":1,"nodeName":"a","resourceVersion":"1","pods":[{}],"sources":{}}'])(
    'that is damaged is an error: %s',
    async (text) => {
      const file = join(directory, 'checkpoint.json');
      writeFileSync(file, text);
      await expect(readCheckpoint(file, seal)).rejects.toThrow();
    },
  );

  it('is written soon after a change, for its owner only, once when changes come together', async () => {
    const env = manualEnv();
    const file = join(directory, 'checkpoint.json');
    let snapshots = 0;
    const snapshot = (): Checkpoint => ((snapshots += 1), checkpointWith({}));
    const writer = new CheckpointWriter({ file, limitBytes: 1e6, seal, env, log: createRecordingLogger(), snapshot });
    for (let count = 0; count < 5; count += 1) writer.touch();
    await env.advance(1000);
    await until(() => readFileSync(file, 'utf8') !== '', { what: 'the file' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(snapshots).toBe(1);
    await writer.close();
    expect(snapshots).toBe(1);
  });

  it('is written at the end when a change was not written yet, and tried again after a failure', async () => {
    const env = manualEnv();
    const log = createRecordingLogger();
    const file = join(directory, 'absent', 'checkpoint.json');
    const options = { limitBytes: 1e6, seal, env, log, snapshot: () => checkpointWith({}) };
    const failing = new CheckpointWriter({ file, ...options });
    failing.touch();
    await env.advance(1000);
    await until(() => log.lines.some(({ level }) => level === 'warn'), { what: 'the failure to be told' });
    const own = join(directory, 'checkpoint.json');
    const writer = new CheckpointWriter({ file: own, ...options });
    writer.touch();
    await Promise.all([writer.close(), failing.close()]);
    expect((await readCheckpoint(own, seal))?.resourceVersion).toBe('7');
  });
});

describe('remembered sources', () => {
  const apiWith = (get: () => Promise<unknown>): ApiClient => ({ get }) as unknown as ApiClient;
  const away = (): Promise<never> => Promise.reject(new ApiError('ServiceUnavailable', 'away'));

  it('answer what was seen last while the API is away, and that there was nothing', async () => {
    let answer: () => Promise<unknown> = async () => secretOf('s', 'v');
    let changes = 0;
    const sources = new RememberedSources(
      apiWith(() => answer()),
      new Map(),
      () => (changes += 1),
    );
    expect((await sources.secret('default', 's'))?.data).toEqual({ key: 'v' });
    answer = () => Promise.reject(new ApiError('NotFound', 'no'));
    expect(await sources.configMap('default', 'none')).toBeUndefined();
    answer = away;
    expect((await sources.secret('default', 's'))?.data).toEqual({ key: 'v' });
    expect(await sources.configMap('default', 'none')).toBeUndefined();
    await expect(sources.secret('default', 'never-seen')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    expect(changes).toBe(2);
  });

  it('keep claims together with their volumes', async () => {
    const claim = { metadata: { name: 'p', namespace: 'default' }, spec: { volumeName: 'v' } };
    const volume = { metadata: { name: 'v' } };
    let get: (type: { readonly resource: string }) => Promise<unknown> = async ({ resource }) =>
      resource === 'persistentvolumes' ? volume : claim;
    const api = { get: (type: { readonly resource: string }) => get(type) } as unknown as ApiClient;
    const sources = new RememberedSources(api, new Map(), () => undefined);
    const both = { ...claim, volume };
    expect(await sources.claim('default', 'p')).toEqual(both);
    get = away;
    expect(await sources.claim('default', 'p')).toEqual(both);
    const { text } = encodeCheckpoint(
      checkpointWith(Object.fromEntries(sources.retain(new Set(['persistentvolumeclaims/default/p'])))),
      { limitBytes: 1_000_000, seal },
    );
    expect(decodeCheckpoint(text, seal).sources.get('persistentvolumeclaims/default/p')).toEqual(both);
  });

  it('do not answer what the node may not read any more, nor what no pod wants', async () => {
    const known = new Map<SourceKey, RememberedSource>([['secrets/default/s', secretOf('s')]]);
    const forbidden = new RememberedSources(
      apiWith(() => Promise.reject(new ApiError('Forbidden', 'no'))),
      known,
      () => undefined,
    );
    await expect(forbidden.secret('default', 's')).rejects.toMatchObject({ reason: 'Forbidden' });
    const sources = new RememberedSources(apiWith(away), known, () => undefined);
    expect(sources.retain(new Set()).size).toBe(0);
    await expect(sources.secret('default', 's')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });
});
