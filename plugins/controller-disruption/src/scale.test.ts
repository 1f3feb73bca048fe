import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer } from '@timonel/sdk/controller';
import { ApiError, type KubeObject, type OwnerReference, type Pod } from '@timonel/sdk/kube';
import { scaleOf, type OwnerCaches } from './scale.ts';

interface Owner {
  readonly kind: string;
  readonly replicas?: number;
  readonly owner?: OwnerReference;
  readonly apiVersion?: string;
}

function referenceTo(
  name: string,
  { kind, apiVersion = 'apps/v1' }: Pick<Owner, 'kind' | 'apiVersion'>,
): OwnerReference {
  return { apiVersion, kind, name, uid: `uid-${name}`, controller: true };
}

function cacheOf(owners: Readonly<Record<string, Owner>>, kind: string): Pick<Informer<never>, 'get'> {
  const get = (key: string): object | undefined => {
    const name = key.split('/')[1] ?? '';
    const found = owners[name];
    if (found?.kind !== kind) return undefined;
    const ownerReferences = found.owner === undefined ? [] : [found.owner];
    const spec = found.replicas === undefined ? {} : { replicas: found.replicas };
    return { metadata: { name, uid: `uid-${name}`, ownerReferences }, spec };
  };
  return { get } as unknown as Pick<Informer<never>, 'get'>;
}

function cachesOf(owners: Readonly<Record<string, Owner>>): OwnerCaches {
  return {
    deployments: cacheOf(owners, 'Deployment'),
    replicaSets: cacheOf(owners, 'ReplicaSet'),
    statefulSets: cacheOf(owners, 'StatefulSet'),
    replicationControllers: cacheOf(owners, 'ReplicationController'),
  };
}

/** Answers with the path that was asked. */
function apiOf(scales: Readonly<Record<string, number>>): [Pick<ApiClient, 'getSubresource'>, string[]] {
  const asked: string[] = [];
  const getSubresource: ApiClient['getSubresource'] = (type, { name }) => {
    asked.push(`${type.group}/${type.version}/${type.resource}/${name}`);
    const replicas = scales[name];
    if (replicas === undefined) return Promise.reject(new ApiError('NotFound', 'there is none'));
    const scale: KubeObject & { spec: object } = { metadata: { name }, spec: { replicas } };
    return Promise.resolve(scale);
  };
  return [{ getSubresource }, asked];
}

function podOf(name: string, owner?: OwnerReference): Pod {
  const ownerReferences = owner === undefined ? [] : [owner];
  return { metadata: { name, namespace: 'd', ownerReferences }, spec: { containers: [] } };
}

async function scale(
  owners: Readonly<Record<string, Owner>>,
  pods: readonly Pod[],
  scales: Readonly<Record<string, number>> = {},
): Promise<[unknown, string[]]> {
  const [api, asked] = apiOf(scales);
  return [await scaleOf(cachesOf(owners), api as ApiClient, pods), asked];
}

describe('what the owners of pods declare', () => {
  const web: Owner = { kind: 'Deployment', replicas: 5 };
  const set = (replicas: number): Owner => ({ kind: 'ReplicaSet', replicas, owner: referenceTo('web', web) });

  it('is counted once for each owner; a Deployment counts, not its replica sets', async () => {
    const owners = {
      web,
      old: set(2),
      new: set(4),
      alone: { kind: 'ReplicaSet', replicas: 3 },
      db: { kind: 'StatefulSet' },
    };
    const pods = [
      podOf('a', referenceTo('old', set(2))),
      podOf('b', referenceTo('new', set(4))),
      podOf('c', referenceTo('alone', owners.alone)),
      podOf('d', referenceTo('alone', owners.alone)),
      podOf('e', referenceTo('db', owners.db)),
    ];
    // One is the default.
    expect(await scale(owners, pods)).toEqual([{ known: true, pods: 5 + 3 + 1, unmanaged: [] }, []]);
  });

  it('leaves pods without an owner out, by name', async () => {
    const rc = { kind: 'ReplicationController', replicas: 2, apiVersion: 'v1' };
    const pods = [podOf('bare'), podOf('a', referenceTo('rc', rc))];
    expect(await scale({ rc }, pods)).toEqual([{ known: true, pods: 2, unmanaged: ['bare'] }, []]);
  });

  it.each([
    ['Gadget', 'gadgets'],
    ['Policy', 'policies'],
    ['Class', 'classes'],
    ['Relay', 'relays'],
  ])('of other kinds is asked for by their scale: %s', async (kind, plural) => {
    const pods = [podOf('a', referenceTo('one', { kind, apiVersion: 'example.com/v2' }))];
    expect(await scale({}, pods, { one: 7 })).toEqual([
      { known: true, pods: 7, unmanaged: [] },
      [`example.com/v2/${plural}/one`],
    ]);
  });

  it('of other kinds is 0 when their scale says nothing, as zeros are left out on the wire', async () => {
    const getSubresource = (): Promise<KubeObject> => Promise.resolve({ metadata: { name: 'one' }, spec: {} } as never);
    const pods = [podOf('a', referenceTo('one', { kind: 'Gadget', apiVersion: 'example.com/v2' }))];
    expect(await scaleOf(cachesOf({}), { getSubresource } as unknown as ApiClient, pods)).toMatchObject({ pods: 0 });
  });

  it('is not known when an owner is gone, was made anew, or has no scale', async () => {
    const job = { kind: 'Job', apiVersion: 'batch/v1' };
    const unknown = { known: false, problem: expect.stringContaining('minAvailable as a number') };
    expect((await scale({}, [podOf('a', referenceTo('work', job))]))[0]).toEqual(unknown);
    expect((await scale({}, [podOf('a', referenceTo('web', web))]))[0]).toEqual(unknown);
    const other = { ...referenceTo('web', web), uid: 'uid-before' };
    expect((await scale({ web }, [podOf('a', other)]))[0]).toEqual(unknown);
  });

  it('is an error when the API does not answer', async () => {
    const getSubresource = (): Promise<never> => Promise.reject(new ApiError('ServiceUnavailable', 'not now'));
    const pods = [podOf('a', referenceTo('one', { kind: 'Gadget' }))];
    await expect(scaleOf(cachesOf({}), { getSubresource } as unknown as ApiClient, pods)).rejects.toThrow('not now');
  });
});
