import { describe, expect, it } from '@jest/globals';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { podWith } from '../plan/testing.ts';
import { mirrorOf, Mirrors, mirrorSteps } from './mirrors.ts';

const annotations = { 'kubernetes.io/config.source': 'file' };
const web = podWith({}, { name: 'web', uid: 'hash-1', annotations, labels: { app: 'web' } });

const mirror = (uid: string, hash = 'hash-1', changes: Pod['metadata'] = {}): Pod => ({
  ...web,
  metadata: {
    ...web.metadata,
    uid,
    resourceVersion: '1',
    annotations: { ...annotations, 'kubernetes.io/config.mirror': hash },
    ...changes,
  },
});

describe('the mirror of a static pod', () => {
  it('tells for which it stands, and belongs to the node', () => {
    expect(mirrorOf(web, 'node-1', 'node-uid')).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web',
        namespace: 'default',
        labels: { app: 'web' },
        annotations: { ...annotations, 'kubernetes.io/config.mirror': 'hash-1' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'node-uid', controller: true }],
      },
      spec: web.spec,
    });
  });

  it('is made when there is none, and removed when it stands for nothing or is being deleted', () => {
    const short = (mirrors: readonly Pod[], statics = [web]) => {
      const { create, remove } = mirrorSteps(statics, mirrors);
      return { create: create.map(({ metadata }) => metadata.uid), remove: remove.map(({ metadata }) => metadata.uid) };
    };
    expect(short([])).toEqual({ create: ['hash-1'], remove: [] });
    expect(short([mirror('m')])).toEqual({ create: [], remove: [] });
    expect(short([mirror('m', 'hash-0')])).toEqual({ create: [], remove: ['m'] });
    expect(short([mirror('m', 'hash-1', { deletionTimestamp: '2026-03-05T12:00:00Z' })]).remove).toEqual(['m']);
    expect(short([mirror('m')], [])).toEqual({ create: [], remove: ['m'] });
    // Whose annotation somebody took away.
    expect(short([mirror('m', 'hash-1', { annotations: {} })]).remove).toEqual(['m']);
  });
});

function bench() {
  const env = manualEnv();
  const log = createRecordingLogger();
  const told: string[] = [];
  const state = { isAway: false, nodeUid: 'node-uid' as string | undefined, statics: [web] as Pod[] | undefined };
  let made = 0;
  const answer = async <T>(call: string, result: T): Promise<T> => {
    told.push(call);
    if (state.isAway) throw new ApiError('ServiceUnavailable', 'away');
    return result;
  };
  const mirrors = new Mirrors({
    api: {
      create: (_type, object) => {
        const { metadata } = object;
        const created = { ...object, metadata: { ...metadata, uid: `m${(made += 1)}`, resourceVersion: '1' } };
        return answer(`create ${metadata.name}`, created);
      },
      delete: (_type, { name }, { preconditions, gracePeriodSeconds } = {}) =>
        answer(`delete ${name} ${preconditions?.uid} ${gracePeriodSeconds}`, {} as never),
    },
    env,
    log,
    nodeName: 'node-1',
    nodeUid: () => state.nodeUid,
    statics: () => state.statics,
    shown: (uid, shown) => void told.push(`${uid} is shown by ${shown?.metadata.uid}`),
  });
  const step = async (milliseconds = 0): Promise<string[]> => {
    await env.advance(milliseconds);
    return told.splice(0);
  };
  return { env, log, mirrors, state, step };
}

describe('the mirrors of a node', () => {
  it('are made when all that there are were seen and the Node is known', async () => {
    const { mirrors, state, step } = bench();
    state.nodeUid = undefined;
    mirrors.reconcile();
    expect(await step()).toEqual([]);
    mirrors.synced();
    expect(await step()).toEqual([]);
    state.nodeUid = 'node-uid';
    mirrors.reconcile();
    expect(await step()).toEqual(['create web', 'hash-1 is shown by m1']);
    expect(mirrors.staticUid('m1')).toBe('hash-1');
    expect(mirrors.mirrorFor(web)?.metadata.uid).toBe('m1');
    await mirrors.stop();
  });

  it('are made again when somebody deletes them', async () => {
    const { mirrors, step } = bench();
    mirrors.seen(mirror('m', 'hash-1'));
    mirrors.synced();
    await step();
    mirrors.gone(mirror('other'));
    expect(await step()).toEqual([]);
    const deleted = mirror('m', 'hash-1', { deletionTimestamp: '2026-03-05T12:00:00Z' });
    mirrors.seen(deleted);
    expect(await step()).toEqual([
      'hash-1 is shown by undefined',
      'delete web m 0',
      'hash-1 is shown by undefined',
      'create web',
      'hash-1 is shown by m1',
    ]);
    mirrors.gone(deleted);
    expect(await step()).toEqual([]);
    await mirrors.stop();
  });

  it('are tried again while the API is away, and that is told once', async () => {
    const { log, mirrors, state, step } = bench();
    state.isAway = true;
    mirrors.synced();
    expect(await step(6500)).toEqual(['create web', 'create web', 'create web']);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    state.isAway = false;
    expect(await step(500)).toEqual(['create web', 'hash-1 is shown by m4']);
    await mirrors.stop();
  });

  it('stay while nobody knows which static pods there are', async () => {
    const { mirrors, state, step } = bench();
    state.statics = undefined;
    mirrors.seen(mirror('m'));
    mirrors.synced();
    expect(await step()).toEqual(['hash-1 is shown by m']);
    state.statics = [];
    mirrors.reconcile();
    expect(await step()).toEqual(['delete web m 0', 'hash-1 is shown by undefined']);
    await mirrors.stop();
  });
});
