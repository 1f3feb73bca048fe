import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AccessAttributes, Entrance, Leave } from '@timonel/sdk/contracts/api-server';
import type { FlowSchema, PriorityLevelConfiguration } from '@timonel/sdk/kube';
import { manualEnv, type SimulatedEnv } from '@timonel/testkit';
import { Gate } from './gate.ts';
import { completed, defaultLevels, defaultSchemas } from './schema/default-objects.ts';

let env: SimulatedEnv;
let gate: Gate;
const rejections: string[] = [];
const turns: (() => void)[] = [];
/** As many turns of the event loop. */
async function turn(count = 1): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    for (const fn of turns.splice(0)) fn();
    await Promise.resolve();
  }
}

const attributes = (
  username: string,
  groups: string[] = [],
  more: Partial<AccessAttributes> = {},
): AccessAttributes => ({
  user: { username, uid: '', groups: ['system:authenticated', ...groups], extra: {} },
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'default',
  name: 'a',
  ...more,
});

const uids = <T extends FlowSchema | PriorityLevelConfiguration>(objects: readonly T[]): T[] =>
  objects.map((object) => ({ ...object, metadata: { ...object.metadata, uid: `uid-${object.metadata.name}` } }));

function enter(
  asked: AccessAttributes,
  more: { width?: number; isLongRunning?: boolean; isGone?: () => boolean } = {},
) {
  const { width = 1, isLongRunning = false, isGone = () => false } = more;
  return gate.enter({ attributes: asked, width, isLongRunning, isGone });
}

const schemaOf = ({ headers }: Entrance): string => headers[0]?.[1] ?? '';
const levelOf = ({ headers }: Entrance): string => headers[1]?.[1] ?? '';

beforeEach(() => {
  env = manualEnv();
  rejections.length = 0;
  turns.length = 0;
  const rejected = (level: string, reason: string): void => void rejections.push(`${level} ${reason}`);
  gate = new Gate({
    env,
    nextTurn: (fn) => void turns.push(fn),
    seats: 49,
    waitMs: 15_000,
    rejected,
    dispatched: () => undefined,
  });
  gate.configure(uids(defaultSchemas), uids(defaultLevels));
});

describe('the gate', () => {
  it('classifies as Kubernetes does', () => {
    const leases = { group: 'coordination.k8s.io', resource: 'leases', verb: 'update' };
    const node = ['system:nodes'];
    const cases: [AccessAttributes, string, string][] = [
      [attributes('admin', ['system:masters']), 'exempt', 'exempt'],
      [attributes('x', [], { path: '/healthz', resource: '' }), 'probes', 'exempt'],
      [attributes('system:node:a', node), 'system-nodes', 'system'],
      [
        attributes('system:node:a', node, { resource: 'nodes', subresource: 'status', namespace: '' }),
        'system-node-high',
        'node-high',
      ],
      [attributes('system:node:a', node, { ...leases, namespace: 'kube-node-lease' }), 'system-node-high', 'node-high'],
      [
        attributes('system:kube-scheduler', [], { ...leases, namespace: 'kube-system' }),
        'system-leader-election',
        'leader-election',
      ],
      [attributes('system:kube-scheduler'), 'kube-scheduler', 'workload-high'],
      [
        attributes('system:serviceaccount:kube-system:x', [
          'system:serviceaccounts',
          'system:serviceaccounts:kube-system',
        ]),
        'kube-system-service-accounts',
        'workload-high',
      ],
      [attributes('system:serviceaccount:a:b', ['system:serviceaccounts']), 'service-accounts', 'workload-low'],
      [attributes('jane'), 'global-default', 'global-default'],
      [attributes('jane', [], { path: '/metrics', resource: '' }), 'global-default', 'global-default'],
    ];
    for (const [asked, schema, level] of cases) {
      const entrance = enter(asked);
      expect([asked.user.username, schemaOf(entrance), levelOf(entrance)]).toEqual([
        asked.user.username,
        `uid-${schema}`,
        `uid-${level}`,
      ]);
    }
  });

  it('seats as many of a level as its share and what others lend, and has others wait in turn', async () => {
    const order: string[] = [];
    const seated: Leave[] = [];
    const ask = (user: string): void => {
      const { admitted } = enter(attributes(user));
      if (admitted instanceof Promise) void admitted.then((leave) => (order.push(user), seated.push(leave)));
      else if (admitted !== undefined) seated.push(admitted);
    };
    for (let count = 0; count < 200; count += 1) ask('noisy');
    // 49 seats less what the other levels keep: 1 + 4 + 6 + 2 + 4 + 2.
    const atWork = seated.length;
    expect(atWork).toBeGreaterThan(4);
    expect(atWork).toBeLessThanOrEqual(49 - 17);
    ask('quiet');
    const other = enter(attributes('system:node:a', ['system:nodes']));
    expect(other.admitted).toBeInstanceOf(Function);
    for (const leave of seated.splice(0, 10)) leave();
    await turn(20);
    expect(order).toHaveLength(10);
    expect(order).toContain('quiet');
    expect(gate.levels().find(({ name }) => name === 'global-default')?.inUse).toBe(atWork);
  });

  it('turns away who finds no room, has waited too long, or is gone', async () => {
    const outcomes: string[] = [];
    const ask = (isGone = () => false): Entrance => {
      const entrance = enter(attributes('noisy'), { isGone });
      if (entrance.admitted instanceof Promise) {
        entrance.admitted.then(
          () => outcomes.push('in'),
          (error: { code: number; status: { details: { retryAfterSeconds: number } } }) =>
            outcomes.push(`${error.code} ${error.status.details.retryAfterSeconds}`),
        );
      }
      return entrance;
    };
    const seated: Leave[] = [];
    for (let entrance = ask(); !(entrance.admitted instanceof Promise); entrance = ask()) {
      if (entrance.admitted !== undefined) seated.push(entrance.admitted);
    }
    ask(() => true);
    for (let count = 0; count < 6 * 50; count += 1) ask();
    await Promise.resolve();
    expect(rejections).toContain('global-default queue-full');
    expect(outcomes).toContain('429 1');
    await env.advance(15_001);
    expect(rejections).toContain('global-default time-out');
    expect(outcomes).not.toContain('in');
    expect(gate.levels().reduce((sum, { waiting }) => sum + waiting, 0)).toBe(0);
    ask(() => true);
    for (const leave of seated) leave();
    await turn(2);
    expect(rejections.at(-1)).toBe('global-default cancelled');
    expect(gate.levels().reduce((sum, { inUse }) => sum + inUse, 0)).toBe(0);
  });

  it('begins only so much in one turn of the event loop, and then gives each its turn', async () => {
    const order: string[] = [];
    const ask = (user: string, groups: string[] = []): void => {
      const { admitted } = enter(attributes(user, groups), {});
      const served = (leave: Leave): void => (order.push(user), leave());
      if (admitted instanceof Promise) void admitted.then(served);
      else if (admitted !== undefined) served(admitted);
    };
    ask('noisy');
    await env.advance(3);
    for (let count = 0; count < 40; count += 1) ask('noisy');
    ask('quiet');
    ask('system:node:a', ['system:nodes']);
    expect(order).toEqual(['noisy']);
    await turn(9);
    expect(order).toHaveLength(10);
    expect(order).toEqual(expect.arrayContaining(['quiet', 'system:node:a']));
    await turn(33);
    expect(order).toHaveLength(43);
    expect(turns).toHaveLength(1);
    await turn();
    // Nothing turns when nobody waits.
    expect(turns).toHaveLength(0);
  });

  it('never counts what takes long, and lets in what is wider than its level when nobody is at work there', () => {
    for (let count = 0; count < 1000; count += 1)
      expect(enter(attributes('x'), { isLongRunning: true }).admitted).toBeUndefined();
    expect(enter(attributes('x', [], { verb: 'list' }), { width: 10 }).admitted).toBeInstanceOf(Function);
  });

  it('rejects at once in a level without queues, and lets everybody in when its level goes', async () => {
    const nobody = attributes('nobody');
    const catchAll = uids(defaultSchemas.filter(({ metadata }) => metadata.name === 'catch-all'));
    gate.configure(catchAll, uids(defaultLevels));
    enter(nobody, { width: 49 });
    expect(() => enter(nobody)).toThrow('too many requests');
    gate.configure(uids(defaultSchemas), uids(defaultLevels));
    enter(nobody, { width: 49 });
    const { admitted } = enter(nobody);
    expect(admitted).toBeInstanceOf(Promise);
    gate.close();
    expect(await admitted).toBeInstanceOf(Function);
    expect(enter(nobody)).toEqual({ headers: [], admitted: undefined });
  });
});

describe('default objects', () => {
  it('are brought back, unless they are said to be left alone', () => {
    const [wanted] = defaultLevels.slice(1);
    if (wanted === undefined) throw new Error('no level');
    const served = { ...wanted, spec: { ...wanted.spec, limited: { ...wanted.spec.limited, served: true } } };
    expect(completed(served, wanted)).toBeUndefined();
    const changed: PriorityLevelConfiguration = { ...wanted, spec: { type: 'Exempt' } };
    expect(completed(changed, wanted)?.spec).toEqual(wanted.spec);
    const mine: PriorityLevelConfiguration = {
      ...changed,
      metadata: { ...changed.metadata, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
    };
    expect(completed(mine, wanted)).toBeUndefined();
  });
});
