import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../contracts/api/index.ts';
import { ApiError, configMaps, pods, type KubeObject, type Pod } from '../../kube/index.ts';
import { OwnWrites } from '../own-writes.ts';
import { act, type Action } from './actions.ts';
import { EventTeller } from './event-teller.ts';
import { executeActions, type Executed } from './executor.ts';
import { ActionHistory } from './history.ts';

const cause = { code: 'TooFew', text: 'for the test' };
const subject: KubeObject = { metadata: { namespace: 'ns', name: 'a', uid: 'uid-a', resourceVersion: '5' } };
const pod = (name: string): Pod => ({
  metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: '3' },
  spec: { containers: [] },
});

interface Call {
  readonly verb: string;
  readonly name: string;
  readonly rest: unknown;
}

/** Remembers the calls; answers with the object at the next version, or as the test says. */
class Api {
  readonly calls: Call[] = [];
  readonly refused = new Map<string, ApiError>();
  atOnce = 0;
  mostAtOnce = 0;
  #version = 10;

  client(): ApiClient {
    const answer = async (verb: string, object: KubeObject, rest?: unknown): Promise<KubeObject> => {
      const { name = '' } = object.metadata;
      this.calls.push({ verb, name, rest });
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
      await Promise.resolve();
      this.atOnce -= 1;
      const refusal = this.refused.get(`${verb} ${name}`);
      if (refusal !== undefined) throw refusal;
      return { metadata: { uid: `uid-${name}`, ...object.metadata, resourceVersion: String(++this.#version) } };
    };
    const named = (at: { namespace?: string | undefined; name: string }): KubeObject => ({
      metadata: { name: at.name, ...(at.namespace === undefined ? {} : { namespace: at.namespace }) },
    });
    return {
      create: (_: unknown, object: KubeObject) => answer('create', object),
      update: (_: unknown, object: KubeObject) => answer('update', object, object.metadata.resourceVersion),
      updateStatus: (_: unknown, object: KubeObject) => answer('status', object, object.metadata.resourceVersion),
      patch: (_: unknown, at: { name: string }, { body }: { body: unknown }) => answer('patch', named(at), body),
      delete: (_: unknown, at: { name: string }, options: unknown) => answer('delete', named(at), options),
      createSubresource: (_: unknown, at: { name: string }, subresource: string) => answer(subresource, named(at)),
    } as unknown as ApiClient;
  }
}

async function run(
  api: Api,
  actions: readonly Action[],
  leads: () => boolean = () => true,
): Promise<Executed & { readonly told: readonly string[] }> {
  const told: string[] = [];
  const record = (...[, , , reason, message]: unknown[]): void =>
    void told.push(`${String(reason)}: ${String(message)}`);
  const executed = await executeActions(
    { api: api.client(), events: new EventTeller({ record }), fieldManager: 'test', cacheOf: () => undefined, leads },
    { key: 'ns/a', subjectType: configMaps, subject, ownWrites: new OwnWrites(() => undefined) },
    actions,
  );
  return { ...executed, told };
}

const creations = (count: number): Action[] =>
  Array.from({ length: count }, (_, at) => act.create(pods, pod(`p${at}`), { cause }));

describe('the executor', () => {
  it('carries neighbours of one kind out together in growing batches, and others after them', async () => {
    const api = new Api();
    const { outcome } = await run(api, [
      ...creations(20),
      act.delete(pods, pod('old'), { cause }),
      act.status(configMaps, { ...subject, status: {} } as KubeObject & { status: object }, { n: 1 }, { cause }),
    ]);
    expect(api.calls.map(({ verb }) => verb)).toEqual([...Array<string>(20).fill('create'), 'delete', 'status']);
    expect(api.mostAtOnce).toBe(8);
    expect(outcome.answers.size).toBe(22);
    expect(outcome.failure).toBeUndefined();
  });

  it('ends at the first batch that fails, and tells it', async () => {
    const api = new Api();
    api.refused.set('create p1', new ApiError('Forbidden', 'exceeded quota'));
    const actions = [...creations(20), act.delete(pods, pod('old'), { cause })];
    const { outcome, told } = await run(
      api,
      actions.map((action) => ({
        ...action,
        event: { reason: 'R', message: 'm', failure: { reason: 'F', message: 'no: ' } },
      })),
    );
    expect(api.calls.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2']);
    expect(outcome.failure).toMatchObject({
      action: { object: { metadata: { name: 'p1' } } },
      message: 'exceeded quota',
    });
    expect(outcome.answers.size).toBe(2);
    expect(told.toSorted()).toEqual(['F: no: exceeded quota', 'R: m', 'R: m']);
  });

  it('ends when this process leads no more, as after a pause: what another does by now is not done twice', async () => {
    const api = new Api();
    const leads = (): boolean => api.calls.length < 3;
    const { outcome } = await run(api, [...creations(20), act.delete(pods, pod('old'), { cause })], leads);
    expect(api.calls.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2']);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.answers.size).toBe(3);
  });

  it('fences updates and patches by the version that was seen, and by that of its own last write', async () => {
    const api = new Api();
    const body = { metadata: { annotations: { a: 'b' } } };
    const { latest } = await run(api, [
      act.patch(configMaps, subject, { type: 'merge', body }, { cause }),
      act.update(configMaps, subject, subject, { cause }),
      act.patch(configMaps, subject, { type: 'merge', body }, { cause, fenced: false }),
    ]);
    expect(api.calls.map(({ verb, rest }) => [verb, rest])).toEqual([
      ['patch', { metadata: { annotations: { a: 'b' }, resourceVersion: '5' } }],
      ['update', '11'],
      ['patch', body],
    ]);
    expect(latest(subject).metadata.resourceVersion).toBe('13');
  });

  it('deletes this very object; that it is gone or another has its name is no failure', async () => {
    for (const reason of ['NotFound', 'Conflict'] as const) {
      const api = new Api();
      api.refused.set('delete p', new ApiError(reason, 'so it is'));
      const { outcome } = await run(api, [
        act.delete(pods, pod('p'), { cause, options: { gracePeriodSeconds: 0 } }),
        act.create(pods, pod('q'), { cause }),
      ]);
      expect(api.calls[0]?.rest).toEqual({ gracePeriodSeconds: 0, preconditions: { uid: 'uid-p' } });
      expect(outcome.failure).toBeUndefined();
      expect(api.calls).toHaveLength(2);
    }
  });

  it('takes a refused precondition of its own for a failure', async () => {
    const api = new Api();
    api.refused.set('delete p', new ApiError('Conflict', 'changed'));
    const options = { preconditions: { resourceVersion: '3' } };
    const { outcome } = await run(api, [act.delete(pods, pod('p'), { cause, options })]);
    expect(outcome.failure).toMatchObject({ message: 'changed' });
  });

  it('posts to subresources', async () => {
    const api = new Api();
    await run(api, [act.post(pods, pod('p'), 'eviction', { metadata: { name: 'p' } }, { cause })]);
    expect(api.calls).toEqual([{ verb: 'eviction', name: 'p', rest: undefined }]);
  });
});

describe('the history of a controller', () => {
  it('tells what was done for an object and why, the last first, alike actions together', async () => {
    const history = new ActionHistory('controller-test');
    history.add('ns/a', 't1', (await run(new Api(), creations(5))).outcome);
    const api = new Api();
    api.refused.set('delete p0', new ApiError('Forbidden', 'not you'));
    history.add('ns/a', 't2', (await run(api, [act.delete(pods, pod('p0'), { cause })])).outcome);
    expect(history.of('ns/a')).toEqual([
      { time: 't2', by: 'controller-test', outcome: 'error', text: 'delete Pod p0 (TooFew): not you' },
      {
        time: 't1',
        by: 'controller-test',
        outcome: 'create',
        text: 'create 5 × Pod (p0, p1, p2, …): for the test (TooFew)',
      },
    ]);
    expect(history.failureOf('ns/a')).toBe('not you');
    history.add('ns/a', 't3', (await run(new Api(), [])).outcome);
    expect(history.failureOf('ns/a')).toBeUndefined();
    expect(history.of('ns/a')).toHaveLength(2);
  });

  it('is bounded: the object that was acted for the longest ago is forgotten, and old entries of each', async () => {
    const history = new ActionHistory('controller-test');
    const { outcome } = await run(new Api(), creations(1));
    for (let at = 0; at < 2100; at++) history.add(`ns/${at}`, 't', outcome);
    for (let at = 0; at < 20; at++) history.add('ns/2099', `t${at}`, outcome);
    expect(history.of('ns/0')).toEqual([]);
    expect(history.of('ns/2098')).toHaveLength(1);
    expect(history.of('ns/2099').map(({ time }) => time)).toEqual(Array.from({ length: 8 }, (_, at) => `t${19 - at}`));
  });
});
