import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../contracts/api/index.ts';
import { ApiError, configMaps, pods, type KubeObject, type Pod } from '../../kube/index.ts';
import type { Informer } from '../informer.ts';
import { OwnWrites } from '../own-writes.ts';
import { act, type Action } from './actions.ts';
import { EventTeller } from './event-teller.ts';
import { executeActions, type Executed } from './executor.ts';

const cause = { code: 'Test', text: 'for the test' };
const named = (name: string): KubeObject => ({ metadata: { namespace: 'default', name } });

/** A cache that has seen nothing since the test began. */
const lagging = { hasSeen: () => false, whenSeen: () => new Promise(() => undefined), get: () => undefined };

interface Run extends Executed {
  readonly told: readonly string[];
  readonly ownWrites: OwnWrites;
}

async function run(api: Partial<ApiClient>, actions: readonly Action[]): Promise<Run> {
  const told: string[] = [];
  const ownWrites = new OwnWrites(() => undefined);
  const executed = await executeActions(
    {
      api: api as ApiClient,
      events: new EventTeller({ record: (_, __, ___, reason) => void told.push(reason) }),
      fieldManager: 'test',
      cacheOf: () => lagging as unknown as Informer<KubeObject>,
    },
    { key: 'default/a', subjectType: configMaps, subject: named('a'), ownWrites },
    actions,
  );
  return { ...executed, told, ownWrites };
}

const creation = (name: string): Action =>
  act.create(pods, named(name), {
    cause,
    ifExists: 'report',
    event: { reason: 'Created', message: 'created', failure: { reason: 'FailedCreate', message: 'Error: ' } },
  });

describe('a creation whose name is taken', () => {
  const taken = (): Promise<never> => Promise.reject(new ApiError('AlreadyExists', 'there is one'));

  it('reports what has the name, and waits until the cache shows it', async () => {
    const there = { metadata: { ...named('p').metadata, uid: 'u', resourceVersion: '7' } };
    const action = creation('p');
    const { outcome, told, ownWrites } = await run({ create: taken, get: () => Promise.resolve(there as never) }, [
      action,
    ]);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.existing).toEqual([action]);
    expect(outcome.found?.get(action)).toBe(there);
    expect(ownWrites.settled('default/a')).toBe(false);
    expect(told).toEqual([]);
  });

  it('reports that it is gone again', async () => {
    const gone = (): Promise<never> => Promise.reject(new ApiError('NotFound', 'gone'));
    const { outcome } = await run({ create: taken, get: gone }, [creation('p')]);
    expect(outcome).toMatchObject({ existing: [{ do: 'create' }], found: new Map() });
    expect(outcome.failure).toBeUndefined();
  });
});

describe('a creation in a namespace that is being deleted', () => {
  it('ends the pass without a failure, an event or another attempt', async () => {
    let attempts = 0;
    const refuse = (): Promise<never> => {
      attempts += 1;
      const causes = [{ reason: 'NamespaceTerminating', message: 'is going', field: 'metadata.namespace' }];
      return Promise.reject(new ApiError('Forbidden', 'forbidden', { causes }));
    };
    const deleted: string[] = [];
    const remove = (_: unknown, { name }: { name: string }): Promise<never> => {
      deleted.push(name);
      return Promise.resolve(named(name) as never);
    };
    const actions = [creation('a'), creation('b'), creation('c'), act.delete(configMaps, named('old'), { cause })];
    const { outcome, told } = await run({ create: refuse, delete: remove }, actions);
    expect(outcome.failure).toBeUndefined();
    expect({ attempts, told, deleted }).toEqual({ attempts: 1, told: [], deleted: [] });
  });

  it('is a failure when it is refused for another reason', async () => {
    const refuse = (): Promise<never> => Promise.reject(new ApiError('Forbidden', 'exceeded quota'));
    const { outcome, told } = await run({ create: refuse }, [creation('a')]);
    expect(outcome.failure?.message).toBe('exceeded quota');
    expect(told).toEqual(['FailedCreate']);
  });
});

describe('independent actions', () => {
  const pod = (name: string): KubeObject => ({ metadata: { namespace: 'default', name, uid: `uid-${name}` } });
  const names = ['a', 'b', 'c', 'd'];
  const actions: Action[] = [
    ...names.map((name) =>
      act.patch(pods, pod(name) as Pod, { type: 'merge', body: {} }, { cause, independent: true }),
    ),
    ...names.map((name) => act.delete(pods, pod(name) as Pod, { cause, independent: true })),
    act.delete(configMaps, named('old'), { cause }),
  ];

  async function carriedOut(refusals: Readonly<Record<string, ApiError>>): Promise<[string[], string | undefined]> {
    const calls: string[] = [];
    const call =
      (verb: string) =>
      (_: unknown, { name }: { name: string }): Promise<never> => {
        calls.push(`${verb} ${name}`);
        const error = refusals[`${verb} ${name}`];
        return error === undefined ? Promise.resolve(named(name) as never) : Promise.reject(error);
      };
    const { outcome } = await run({ patch: call('patch'), delete: call('delete') }, actions);
    return [calls, outcome.failure?.message];
  }

  it('go on with other objects when one is refused, and leave that one alone', async () => {
    const [calls, failure] = await carriedOut({
      'patch a': new ApiError('Forbidden', 'a is protected'),
      'delete b': new ApiError('InternalError', 'so is b'),
    });
    const patched = names.map((name) => `patch ${name}`);
    expect(calls).toEqual([...patched, 'delete b', 'delete c', 'delete d', 'delete old']);
    expect(failure).toBe('a is protected');
  });

  it.each([
    ['does not answer', new TypeError('fetch failed')],
    ['is busy', new ApiError('TooManyRequests', 'please wait')],
  ])('end when the API %s: it would be the same for all', async (_what, error) => {
    const [calls, failure] = await carriedOut({ 'patch a': error as ApiError });
    expect(calls).toEqual(['patch a']);
    expect(failure).toBe(error.message);
  });
});
