import { describe, expect, it } from '@jest/globals';
import type { Admission, PermitHandle, PodInfo, SchedulingPlugin, Status } from '../contracts/scheduler/index.ts';
import { BindingCycle } from './binding-cycle.ts';
import { PluginGuard } from './plugin-guard.ts';
import { PodClasses } from './pod-class.ts';
import { makeProfile } from './profile.ts';

const pod: PodInfo = new PodClasses().infoOf({ metadata: { name: 'p', uid: 'u' }, spec: { containers: [] } });
const no: Status = { code: 'unschedulable', reason: 'no berth' };
const yes: Status = { code: 'success' };

interface Bed {
  readonly cycle: BindingCycle;
  readonly guard: PluginGuard;
  /** Calls of plugins in their order. */
  readonly calls: string[];
  /** Runs the timers. */
  readonly expire: () => void;
  readonly admit: (signal?: AbortSignal) => Promise<Admission>;
}

type Answers = { readonly [Point in 'reserve' | 'permit' | 'preBind' | 'bind']?: Status | Error };

function bed(plugins: Readonly<Record<string, Answers>>, handles: PermitHandle[] = []): Bed {
  const calls: string[] = [];
  const answer = (name: string, point: string, given: Status | Error): Status => {
    calls.push(`${name}.${point}`);
    if (given instanceof Error) throw given;
    return given;
  };
  const made = Object.entries(plugins).map(([name, answers]): SchedulingPlugin => {
    const { reserve, permit, preBind, bind } = answers;
    return {
      name,
      ...(reserve === undefined ? {} : { reserve: () => answer(name, 'reserve', reserve) }),
      ...(permit === undefined
        ? {}
        : { permit: (_pod, _node, handle) => (handles.push(handle), answer(name, 'permit', permit)) }),
      ...(preBind === undefined
        ? {}
        : { preBind: () => Promise.resolve().then(() => answer(name, 'preBind', preBind)) }),
      ...(bind === undefined ? {} : { bind: () => Promise.resolve().then(() => answer(name, 'bind', bind)) }),
      unreserve: () => void calls.push(`${name}.unreserve`),
      postBind: () => void calls.push(`${name}.postBind`),
    };
  });
  const guard = new PluginGuard();
  const due: (() => void)[] = [];
  const timers = { after: (_ms: number, run: () => void) => (due.push(run), { cancel: () => undefined }) };
  const settings = { schedulerName: 'x', plugins: made.map(({ name }) => ({ name })) };
  const profile = makeProfile(settings, new Map(made.map((plugin) => [plugin.name, () => plugin])));
  const cycle = new BindingCycle(profile, guard, timers);
  return {
    cycle,
    guard,
    calls,
    expire: () => due.forEach((run) => run()),
    admit: (signal = new AbortController().signal) => cycle.admit(pod, 'n', signal),
  };
}

describe('BindingCycle', () => {
  it('goes through all points in order, and binds itself when a plugin does', async () => {
    const all = { reserve: yes, permit: yes, preBind: yes };
    const { admit, calls, cycle } = bed({ A: { ...all, bind: { code: 'skip' } }, B: { ...all, bind: yes } });
    expect(cycle.admits(pod)).toBe(true);
    expect(await admit()).toEqual({ outcome: 'bound' });
    const points = ['reserve', 'permit', 'preBind', 'bind'].flatMap((point) => [`A.${point}`, `B.${point}`]);
    expect(calls).toEqual(points);
  });

  it('leaves the binding to the host when nobody binds', async () => {
    expect(await bed({ A: { bind: { code: 'skip' } } }).admit()).toEqual({ outcome: 'bind' });
    expect(bed({}).cycle.admits(pod)).toBe(false);
  });

  it('passes pods by that no plugin has to do with, and asks about a class once', async () => {
    const asked: string[] = [];
    const calls: string[] = [];
    const partial: SchedulingPlugin = {
      name: 'Claims',
      takesPart: ({ claims }) => (asked.push(claims.join()), claims.length > 0),
      reserve: () => (calls.push('reserve'), yes),
      unreserve: () => void calls.push('unreserve'),
      postBind: () => void calls.push('postBind'),
    };
    const settings = { schedulerName: 'x', plugins: [{ name: 'Claims' }] };
    const profile = makeProfile(settings, new Map([['Claims', () => partial]]));
    const cycle = new BindingCycle(profile, new PluginGuard(), { after: () => ({ cancel: () => undefined }) });
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
    const classes = new PodClasses();
    const [plain, other, claiming] = [{}, {}, { volumes }].map((spec, index) =>
      classes.infoOf({ metadata: { name: `p${index}`, uid: `u${index}` }, spec: { containers: [], ...spec } }),
    ) as [PodInfo, PodInfo, PodInfo];
    expect([plain, other, claiming].map((info) => cycle.admits(info))).toEqual([false, false, true]);
    for (const info of [plain, other]) for (const bound of [true, false]) cycle.settled(info, 'n', bound);
    expect(calls).toEqual([]);
    expect(await cycle.admit(claiming, 'n', new AbortController().signal)).toEqual({ outcome: 'bind' });
    cycle.settled(claiming, 'n', false);
    expect(calls).toEqual(['reserve', 'unreserve']);
    expect(asked).toEqual(['', 'data']);
  });

  it.each(['reserve', 'permit', 'preBind', 'bind'] as const)(
    'refuses when %s does, and blames who throws there',
    async (point) => {
      const refusing = bed({ A: { reserve: yes }, B: { [point]: no } });
      expect(await refusing.admit()).toEqual({ outcome: 'refused', plugin: 'B', reason: 'no berth' });
      const broken = bed({ B: { [point]: new Error('adrift') } });
      expect(await broken.admit()).toEqual({ outcome: 'refused', plugin: 'B', reason: 'plugin B threw: adrift' });
      expect(broken.guard.faults()).toMatchObject([{ plugin: 'B', faults: 1 }]);
    },
  );

  it('undoes in reverse order, and tells all of a binding in order', () => {
    const { cycle, calls } = bed({ A: {}, B: {} });
    cycle.settled(pod, 'n', false);
    expect(calls.splice(0)).toEqual(['B.unreserve', 'A.unreserve']);
    cycle.settled(pod, 'n', true);
    expect(calls).toEqual(['A.postBind', 'B.postBind']);
  });

  it('waits for a permission', async () => {
    const handles: PermitHandle[] = [];
    const { admit, calls } = bed({ A: { permit: { code: 'wait' }, preBind: yes } }, handles);
    const admitted = admit();
    expect(calls).toEqual(['A.permit']);
    handles[0]?.allow();
    expect(await admitted).toEqual({ outcome: 'bind' });
    expect(calls).toEqual(['A.permit', 'A.preBind']);
  });

  it('does not wait for ever, nor for one that refuses, nor when it must stop', async () => {
    const wait: Status = { code: 'wait', timeoutMs: 50 };
    const late = bed({ A: { permit: wait } });
    const limited = late.admit();
    late.expire();
    expect(await limited).toEqual({ outcome: 'refused', plugin: 'A', reason: 'was not permitted within 50 ms' });
    const handles: PermitHandle[] = [];
    const refused = bed({ A: { permit: wait } }, handles).admit();
    handles[0]?.reject('full');
    expect(await refused).toEqual({ outcome: 'refused', plugin: 'A', reason: 'full' });
    const stop = new AbortController();
    const stopped = bed({ A: { permit: wait } }).admit(stop.signal);
    stop.abort();
    expect(await stopped).toMatchObject({ outcome: 'refused', reason: 'the scheduler is being replaced' });
  });

  it('waits for nobody when one has refused', async () => {
    const wait: Status = { code: 'wait' };
    const handles: PermitHandle[] = [];
    const { admit, calls } = bed({ A: { permit: wait }, B: { permit: no }, C: { permit: yes } }, handles);
    expect(await admit()).toEqual({ outcome: 'refused', plugin: 'B', reason: 'no berth' });
    // C is not asked any more.
    expect(calls).toEqual(['A.permit', 'B.permit']);
    const later: PermitHandle[] = [];
    const admitted = bed({ A: { permit: wait }, B: { permit: wait } }, later).admit();
    later[1]?.reject('gone');
    expect(await admitted).toEqual({ outcome: 'refused', plugin: 'B', reason: 'gone' });
  });

  it('has nothing to wait for when the permission comes before the wish to wait', async () => {
    const started: number[] = [];
    const timers = { after: (ms: number) => (started.push(ms), { cancel: () => undefined }) };
    const quick: SchedulingPlugin = {
      name: 'Quick',
      permit: (_pod, _node, handle) => {
        handle.allow();
        return { code: 'wait' };
      },
    };
    const profile = makeProfile(
      { schedulerName: 'x', plugins: [{ name: 'Quick' }] },
      new Map([['Quick', () => quick]]),
    );
    const cycle = new BindingCycle(profile, new PluginGuard(), timers);
    expect(await cycle.admit(pod, 'n', new AbortController().signal)).toEqual({ outcome: 'bind' });
    expect(started).toEqual([]);
  });
});
