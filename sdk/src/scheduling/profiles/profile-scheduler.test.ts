import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Logger, Provider } from '../../kernel/index.ts';
import type { Route, SubresourceResponse } from '../../contracts/api-server/index.ts';
import type { Decision, PodInfo, SchedulingPlugin, SchedulingPlugins } from '../../contracts/scheduler/index.ts';
import type { Node, Status } from '../../kube/index.ts';
import { listSnapshot } from '../list-snapshot.ts';
import { PodClasses } from '../pod-class.ts';
import type { ProfileChanges } from '../standard-plugins.ts';
import { perNodeFilter, perNodeScore } from '../rules/index.ts';
import { profileBase, profilesConfig, profileScheduler, type ProfileSchedulerContext } from './index.ts';

const classes = new PodClasses();

function node(name: string): Node {
  return { metadata: { name }, spec: {}, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } } };
}

function pod(schedulerName = 'default-scheduler', uid = 'u'): PodInfo {
  const metadata = { name: 'p', namespace: 'default', uid };
  return classes.infoOf({ metadata, spec: { schedulerName, containers: [{ name: 'c', image: 'x' }] } });
}

/** Providers of plugins that come and go. */
class Providers {
  list: Provider<SchedulingPlugins>[] = [];
  #listeners: (() => void)[] = [];
  all = (): readonly Provider<SchedulingPlugins>[] => this.list;
  onChange = (listener: () => void): void => void this.#listeners.push(listener);

  set(...plugins: (readonly [string, () => readonly SchedulingPlugin[]])[]): void {
    this.list = plugins.map(
      ([plugin, make]) => this.list.find((known) => known.plugin === plugin) ?? { plugin, service: { make } },
    );
    for (const listener of this.#listeners) listener();
  }
}

let providers: Providers;
let warnings: unknown[];
beforeEach(() => {
  providers = new Providers();
  warnings = [];
});

function start(profiles?: readonly ProfileChanges[], base = profileBase()) {
  const log = { info: () => undefined, warn: (...args: unknown[]) => void warnings.push(args) } as unknown as Logger;
  const config = profilesConfig.parse(profiles === undefined ? {} : { profiles });
  const env = { timers: { after: () => ({ cancel: () => undefined }) } };
  const context = { name: 'scheduler-test', env, log, deps: { plugins: providers }, config };
  const { scheduler, routes } = profileScheduler(context as unknown as ProfileSchedulerContext, { base });
  const [get, put] = routes.routes() as [Route, Route];
  const decide = (...pods: PodInfo[]): Promise<readonly Decision[]> =>
    scheduler.decide(pods, listSnapshot([node('a'), node('b')]));
  const ask = async (route: Route, body?: unknown): Promise<SubresourceResponse & { object: never }> =>
    (await route.handle({ body } as never)) as never;
  return { scheduler, decide, get: () => ask(get), put: (body: unknown) => ask(put, body) };
}

const onlyB = (): readonly SchedulingPlugin[] => [
  perNodeFilter('OnlyB', (_pod, { name }) => (name === 'b' ? undefined : 'is not b')),
];
const withOnlyB = [{ plugins: [{ name: 'OnlyB' }] }];

async function failure(promise: Promise<unknown>): Promise<Status> {
  const error = (await promise.then(
    () => undefined,
    (error: unknown) => error,
  )) as { status?: Status } | undefined;
  if (error?.status === undefined) throw new Error('there is no Status', { cause: error });
  return error.status;
}

describe('a scheduler made of profiles', () => {
  it('is the default profile when nothing is configured', async () => {
    const { scheduler, decide } = start();
    expect(scheduler.settings().map(({ schedulerName }) => schedulerName)).toEqual(['default-scheduler']);
    expect(await decide(pod())).toMatchObject([{ outcome: 'bind' }]);
  });

  it('takes pods of several profiles, each by its own plugins', async () => {
    providers.set(['more', onlyB]);
    const { decide } = start([{}, { schedulerName: 'second', ...withOnlyB[0] }]);
    for (let round = 0; round < 3; round += 1) expect(await decide(pod('second'))).toMatchObject([{ nodeName: 'b' }]);
    expect(await decide(pod('third'))).toMatchObject([{ outcome: 'error', message: 'no profile is named third' }]);
  });

  it.each<[ProfileChanges[], string]>([
    [
      [{ plugins: [{ name: 'NodeResorcesFit' }] }],
      `profiles[0].plugins[0].name: nobody offers a plugin "NodeResorcesFit" – did you mean 'NodeResourcesFit'?`,
    ],
    [
      [{ disabled: ['ImageLocalty'] }],
      `profiles[0].disabled[0]: nobody offers a plugin "ImageLocalty" – did you mean 'ImageLocality'?`,
    ],
    [[{}, {}], 'profiles[1].schedulerName: two profiles have the name "default-scheduler"'],
    [
      [{ plugins: [{ name: 'NodeName' }, { name: 'NodeName' }] }],
      'profiles[0].plugins[1].name: "NodeName" is there twice',
    ],
    [
      [{ disabled: ['NodeName'], plugins: [{ name: 'NodeName' }] }],
      'profiles[0].plugins[0].name: "NodeName" is also in "disabled"',
    ],
    [
      [{ plugins: [{ name: 'NodeName', weight: 3 }] }],
      'profiles[0].plugins[0].weight: "NodeName" does not score: it takes no weight',
    ],
    [
      [{ plugins: [{ name: 'NodeResourcesFit', config: { scoringStrategy: { type: 'Most' } } }] }],
      'profiles[0].plugins[0].config: scoring strategy "Most" is unknown',
    ],
  ])('refuses %j', (profiles, message) => {
    expect(() => start(profiles)).toThrow(message);
  });

  it('refuses weights that are none', () => {
    const withWeight = (weight: unknown): unknown => ({ profiles: [{ plugins: [{ name: 'ImageLocality', weight }] }] });
    expect(profilesConfig.safeParse(withWeight(0)).success).toBe(true);
    for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY, '3']) {
      expect(profilesConfig.safeParse(withWeight(weight)).error?.issues).toMatchObject([
        { path: ['profiles', 0, 'plugins', 0, 'weight'] },
      ]);
    }
  });

  it('lays the configuration over what the scheduler does by itself', () => {
    const base = profileBase({ disabled: ['ImageLocality'], plugins: [{ name: 'NodeAffinity', weight: 7 }] });
    const settings = (changes: ProfileChanges): Map<string, unknown> =>
      new Map(base(changes).plugins.map(({ name, weight }) => [name, weight]));
    expect(settings({}).get('NodeAffinity')).toBe(7);
    expect(settings({}).has('ImageLocality')).toBe(false);
    expect(settings({ plugins: [{ name: 'ImageLocality', weight: 2 }] }).get('ImageLocality')).toBe(2);
    expect(settings({ plugins: [{ name: 'NodeAffinity', config: {} }] }).get('NodeAffinity')).toBe(7);
    expect(settings({ disabled: ['NodeAffinity'] }).has('NodeAffinity')).toBe(false);
  });
});

describe('plugins that others contribute', () => {
  it('are used while they are offered, and asked for when they come back', async () => {
    let made = 0;
    const counted = (): readonly SchedulingPlugin[] => {
      made += 1;
      return onlyB();
    };
    providers.set(['more', counted]);
    const { scheduler, decide, get } = start(withOnlyB);
    const nodesOf = async (): Promise<Set<unknown>> => {
      const names = new Set<unknown>();
      for (let count = 0; count < 20; count += 1) {
        const [decision] = await decide(pod('default-scheduler', `u${count}`));
        names.add(decision?.outcome === 'bind' && decision.nodeName);
      }
      return names;
    };
    expect(await nodesOf()).toEqual(new Set(['b']));

    const { traits } = scheduler;
    providers.set();
    expect(scheduler.traits).not.toBe(traits);
    expect(await nodesOf()).toEqual(new Set(['a', 'b']));
    expect(warnings).toEqual([[{ plugins: ['OnlyB'] }, expect.any(String)]]);
    expect((await get()).object).toMatchObject({ status: { absent: ['OnlyB'] } });

    providers.set(['more', counted], ['others', () => []]);
    expect(await nodesOf()).toEqual(new Set(['b']));
    expect(made).toBe(2);
    providers.set(['more', counted]);
    expect(made).toBe(2);
  });

  it('are made once for a scheduler, and configured where they come from', () => {
    providers.set(['more', onlyB]);
    expect(() => start([{ plugins: [{ name: 'OnlyB', config: {} }] }])).toThrow(
      'profiles[0].plugins[0].config: "OnlyB" is configured by the configuration of the plugin more',
    );
  });

  it('do no harm when they cannot be made, or are there twice', async () => {
    const broken = (): never => {
      throw new Error('no chart aboard');
    };
    const third = (): readonly SchedulingPlugin[] => [perNodeScore('OnlyB', () => 0)];
    providers.set(['broken', broken], ['more', onlyB], ['third', third], ['nameless', () => [{ name: '' }]]);
    const { decide } = start(withOnlyB);
    expect(await decide(pod())).toMatchObject([{ nodeName: 'b' }]);
    expect(warnings).toMatchObject([
      [{ plugin: 'broken', err: { message: 'no chart aboard' } }, expect.any(String)],
      [{ plugin: 'third', name: 'OnlyB' }, expect.any(String)],
      [{ plugin: 'nameless' }, expect.any(String)],
    ]);
  });
});

describe('the routes', () => {
  it('show profiles, and take what they have shown', async () => {
    providers.set(['more', onlyB]);
    const { get, put, decide } = start();
    const { object } = await get();
    expect(object).toMatchObject({
      kind: 'SchedulerProfiles',
      apiVersion: 'scheduling.timonel.dev/v1',
      metadata: { name: 'scheduler-test' },
      spec: { profiles: [{ schedulerName: 'default-scheduler' }] },
      status: { available: expect.arrayContaining(['OnlyB', 'NodeResourcesFit']), absent: [], faults: [] },
    });
    expect((await put(object)).object).toEqual(object);
    const changed = await put({ spec: { profiles: withOnlyB } });
    expect(changed.object).toMatchObject({
      spec: { profiles: [{ schedulerName: 'default-scheduler', disabled: [], plugins: [{ name: 'OnlyB' }] }] },
      status: { profiles: [{ plugins: expect.arrayContaining([{ name: 'OnlyB' }]) }] },
    });
    for (let round = 0; round < 3; round += 1) expect(await decide(pod())).toMatchObject([{ nodeName: 'b' }]);
  });

  it('name the fields that are wrong, and change nothing then', async () => {
    const { get, put } = start();
    const before = await get();
    expect(
      await failure(put({ spec: { profiles: [{ plugins: [{ name: 'ImageLocality', weight: -1 }] }] } })),
    ).toMatchObject({ code: 400, details: { causes: [{ field: 'spec.profiles.0.plugins.0.weight' }] } });
    expect(await failure(put({ spec: { profiles: [] } }))).toMatchObject({ code: 400 });
    expect(await failure(put({ kind: 'Pod' }))).toMatchObject({ code: 400 });
    const twoProblems = [{ disabled: ['Nobody'], plugins: [{ name: 'ImageLocalty' }] }];
    expect(await failure(put({ spec: { profiles: twoProblems } }))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: expect.stringContaining(`did you mean 'ImageLocality'?`),
      details: {
        name: 'scheduler-test',
        causes: [
          { field: 'spec.profiles[0].disabled[0]', reason: 'FieldValueNotSupported' },
          { field: 'spec.profiles[0].plugins[0].name', reason: 'FieldValueNotSupported' },
        ],
      },
    });
    expect(await get()).toEqual(before);
  });
});
