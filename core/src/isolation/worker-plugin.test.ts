import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  bailHook,
  collectHook,
  definePlugin,
  defineService,
  notifyHook,
  waterfallHook,
  type AnyPlugin,
} from '@timonel/sdk';
import { captureResources, compareResources, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import type { PluginEntry } from '../kernel/options.ts';

type Subject = Readonly<Record<string, unknown>>;

const hooks = {
  mutate: waterfallHook<Subject, Subject>('worker.test.mutate', { description: 'for tests', deadlineMs: 300 }),
  check: collectHook<Subject, Subject, string>('worker.test.check', { description: 'for tests' }),
  ask: bailHook<Subject, Subject, string>('worker.test.ask', { description: 'for tests' }),
  happened: notifyHook<Subject, Subject>('worker.test.happened', { description: 'for tests' }),
};
type Hooks = typeof hooks;

const calls = defineService<{ call(hook: keyof Hooks, subject: Subject, context?: Subject): Promise<unknown> }>(
  'worker.calls',
  { major: 1, cardinality: 'one' },
);

const owner: AnyPlugin = definePlugin({
  name: 'owner',
  version: '1.0.0',
  apiVersion: 1,
  provides: { calls },
  hooks,
  setup: (ctx) => ({
    provides: {
      calls: { call: (hook, subject, context = {}) => ctx.hooks[hook].call(subject, context) },
    },
  }),
});

const directory = mkdtempSync(join(tmpdir(), 'timonel-worker-test-'));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;

/** Writes a plugin as a module. `setup` is the body of its setup function, which sees `ctx` and `hooks`. */
function workerPlugin(setup: string, more: Partial<AnyPlugin> = {}, config?: unknown): PluginEntry {
  const name = `worker-${files++}`;
  const fields = {
    $$type: '@timonel/plugin',
    name,
    version: '1.0.0',
    apiVersion: 1,
    description: '',
    provides: {},
    requires: {},
    optional: {},
    hooks: {},
    isolation: 'worker',
    swap: 'drain',
    criticality: 'optional',
    ...more,
  };
  const file = join(directory, `${name}.mjs`);
  const code = `import { threadId, isMainThread } from 'node:worker_threads';
    const hooks = ${JSON.stringify(hooks)};
    export default { ...${JSON.stringify(fields)}, config: undefined, async setup(ctx) { ${setup} } };`;
  writeFileSync(file, code);
  // The kernel needs the fields only: setup runs in the worker, from the file.
  const setupHere = (): never => {
    throw new Error('setup ran in the process');
  };
  const definition = { ...fields, config: undefined, setup: setupHere, ...more } as unknown as AnyPlugin;
  return { definition, source: file, moduleUrl: pathToFileURL(file).href, ...(config === undefined ? {} : { config }) };
}

const anything = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as AnyPlugin['config'];

const nameOf = (entry: PluginEntry): string => entry.definition.name;
const threads = (): number => readdirSync('/proc/self/task').length;

/** The longest time the event loop stood still during `work`. */
async function longestBlockMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return longest;
}

async function start(entry: PluginEntry, limits: object = {}): Promise<TestKernel> {
  return startTestKernel({ plugins: [owner, entry], limits: { restartBackoffMs: 50, ...limits } });
}

describe('a plugin in a worker', () => {
  it('taps hooks of every kind from a thread of its own, with config, env, log and data directory', async () => {
    const entry = workerPlugin(
      `ctx.log.child({ part: 'a' }).info({ n: 1 }, 'set up');
       ctx.tap(hooks.mutate, async (subject, context) => {
         await ctx.env.timers.sleep(1);
         const { clock, random } = ctx.env;
         const env = [clock.now() > 0, clock.timestamp().length, random.uuid().length, random.bytes(3).length];
         return { ...subject, context, config: ctx.config, dataDir: ctx.dataDir, isMainThread, env, name: ctx.name };
       }, { stage: 10 });
       ctx.tap(hooks.check, (subject) => subject.bad ? ['bad'] : undefined);
       ctx.tap(hooks.ask, (subject) => subject.question);
       ctx.tap(hooks.happened, (subject) => ctx.log.warn({}, 'heard ' + subject.what));`,
      { config: anything },
      { level: 3 },
    );
    const kernel = await start(entry);
    const owned = kernel.service(calls);
    const subject = { a: 1 };
    expect(await owned.call('mutate', subject, { user: 'u' })).toEqual({
      a: 1,
      context: { user: 'u' },
      config: { level: 3 },
      dataDir: join(kernel.dataDir, nameOf(entry)),
      isMainThread: false,
      env: [true, 20, 36, 3],
      name: nameOf(entry),
    });
    expect(subject).toEqual({ a: 1 });
    expect(await owned.call('check', { bad: true })).toEqual(['bad']);
    expect(await owned.call('check', {})).toEqual([]);
    expect(await owned.call('ask', { question: 'why' })).toBe('why');
    expect(await owned.call('happened', { what: 'it' })).toBeUndefined();
    const plugin = nameOf(entry);
    expect(kernel.log.lines).toContainEqual({
      level: 'info',
      fields: { plugin, part: 'a', n: 1 },
      message: 'set up',
    });
    expect(kernel.log.lines).toContainEqual({ level: 'warn', fields: { plugin }, message: 'heard it' });
    const info = kernel.control.info(plugin);
    expect(info).toMatchObject({ state: 'running', isolation: 'worker', faults: 0 });
    expect(info.taps).toHaveLength(4);
    expect(info.taps[0]).toMatchObject({ hook: 'worker.test.mutate', stage: 10, calls: 1, errors: 0, timeouts: 0 });
    expect(info.taps[0]?.p50Us).toBeGreaterThan(0);
    expect((await kernel.stop()).problems).toEqual([]);
  });

  it('calls start, stop and clean-ups in the order of any plugin, and ends the thread', async () => {
    const entry = workerPlugin(
      `ctx.dispose(() => ctx.log.info({}, 'first'));
       ctx.dispose(async () => { await ctx.env.timers.sleep(1); ctx.log.info({}, 'second'); });
       ctx.signal.addEventListener('abort', () => ctx.log.info({}, 'abort'));
       return {
         start: (signal) => ctx.log.info({}, 'start ' + signal.aborted),
         drain: () => ctx.log.info({}, 'drain'),
         stop: (reason) => ctx.log.info({}, 'stop ' + reason),
       };`,
    );
    const run = async (): Promise<string[]> => {
      const kernel = await start(entry);
      expect((await kernel.stop()).problems).toEqual([]);
      return kernel.log.lines.filter(({ level }) => level === 'info').map(({ message }) => message);
    };
    await run();
    const before = { threads: threads(), resources: captureResources() };
    expect(await run()).toEqual(['start false', 'drain', 'abort', 'stop shutdown', 'second', 'first']);
    await until(() => threads() <= before.threads, { what: 'the threads to end' });
    await until(() => compareResources(before.resources, captureResources()).length === 0, { what: 'no leak' });
  });

  it('blames a tap that throws, and follows the policy of the tap', async () => {
    const entry = workerPlugin(
      `ctx.tap(hooks.mutate, () => { throw new Error('boom'); });
       ctx.tap(hooks.ask, () => { throw 'text'; }, { onError: 'skip' });`,
    );
    const kernel = await start(entry);
    const owned = kernel.service(calls);
    await expect(owned.call('mutate', {})).rejects.toMatchObject({
      code: 'ERR_TAP_FAILED',
      message: expect.stringContaining('threw: boom'),
    });
    expect(await owned.call('ask', {})).toBeUndefined();
    expect(kernel.control.info(nameOf(entry)).taps).toMatchObject([{ errors: 1 }, { errors: 1 }]);
    await kernel.stop();
  });

  it('says clearly what cannot be sent between threads', async () => {
    const entry = workerPlugin(`ctx.tap(hooks.mutate, (subject) => subject.back ? { fn() {} } : undefined);`);
    const kernel = await start(entry);
    const owned = kernel.service(calls);
    await expect(owned.call('mutate', { fn: () => undefined })).rejects.toMatchObject({
      code: 'ERR_TAP_FAILED',
      message: expect.stringMatching(/subject or context cannot be sent to a worker thread .*isolation 'in-process'/),
    });
    await expect(owned.call('mutate', { back: true })).rejects.toMatchObject({
      code: 'ERR_TAP_FAILED',
      message: expect.stringMatching(/result cannot be sent to the kernel: .*could not be cloned/),
    });
    expect(await owned.call('mutate', { plain: 1 })).toEqual({ plain: 1 });
    await kernel.stop();

    const unsendable = workerPlugin('', { config: anything }, { fn: () => undefined });
    const other = await start(unsendable);
    expect(other.control.info(nameOf(unsendable))).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(
        /^ERR_PLUGIN_SETUP: .*the configuration cannot be sent to a worker thread .*could not be cloned.*'in-process'/s,
      ),
    });
    await other.stop();
  });

  it('lets a slow tap run past its deadline without ending the thread', async () => {
    const entry = workerPlugin(
      `ctx.tap(hooks.mutate, (subject) => subject.hang ? new Promise(() => {}) : { threadId });`,
    );
    const kernel = await start(entry, { workerPingMs: 200 });
    const owned = kernel.service(calls);
    const first = await owned.call('mutate', {});
    await expect(owned.call('mutate', { hang: true })).rejects.toMatchObject({ code: 'ERR_TAP_TIMEOUT' });
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    expect(await owned.call('mutate', {})).toEqual(first);
    expect(kernel.control.info(nameOf(entry))).toMatchObject({ state: 'running', faults: 1, restarts: 0 });
    await kernel.stop();
  });

  it('ends a tap that loops for ever: the call is answered at its deadline, the plugin restarts', async () => {
    const entry = workerPlugin(
      `ctx.tap(hooks.mutate, (subject) => { if (subject.loop) for (;;); return { threadId }; });`,
    );
    const kernel = await start(entry, { workerPingMs: 100, restartBackoffMs: 300 });
    const plugin = nameOf(entry);
    const owned = kernel.service(calls);
    const first = await owned.call('mutate', {});
    const before = threads();
    const startedAt = performance.now();
    const blockMs = await longestBlockMs(async () => {
      await expect(owned.call('mutate', { loop: true })).rejects.toMatchObject({ code: 'ERR_TAP_TIMEOUT', plugin });
      expect(performance.now() - startedAt).toBeLessThan(5000);
      await until(() => kernel.control.info(plugin).state === 'quarantined', { what: 'the quarantine' });
    });
    expect(blockMs).toBeLessThan(250);
    await until(() => threads() < before, { what: 'the thread to end' });
    expect(kernel.control.info(plugin).reason).toMatch(/worker thread of plugin '.*' was lost: its event loop did not/);
    // Absent until the restart: the call passes by.
    expect(await owned.call('mutate', { a: 1 })).toEqual({ a: 1 });
    await until(() => kernel.control.info(plugin).state === 'running', { what: 'the restart' });
    expect(kernel.control.info(plugin)).toMatchObject({ restarts: 1, reason: undefined });
    const second = await owned.call('mutate', {});
    expect(second).not.toEqual(first);
    await kernel.stop();
  });

  it.each([
    ['setup', 'for (;;);'],
    ['setup, after it registered a clean-up', 'ctx.dispose(() => {}); for (;;);'],
    ['start', 'return { start() { for (;;); } };'],
    ['setup, without end', 'await new Promise(() => {});'],
  ])('fails a plugin that hangs in %s with ERR_PLUGIN_TIMEOUT, without blocking the process', async (_what, setup) => {
    const entry = workerPlugin(setup);
    const before = threads();
    let kernel: TestKernel | undefined;
    const blockMs = await longestBlockMs(async () => {
      kernel = await start(entry, { setupMs: 300, startMs: 300, workerPingMs: 100 });
    });
    expect(blockMs).toBeLessThan(250);
    expect(kernel?.control.info(nameOf(entry))).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/^ERR_PLUGIN_TIMEOUT: (setup|start) of plugin/),
    });
    await until(() => threads() <= before, { what: 'the thread to end' });
    expect((await kernel?.stop())?.problems).toEqual([]);
  });

  it('finds a loop in a callback of its own, which misses no deadline', async () => {
    const entry = workerPlugin(`return { start: () => void ctx.env.timers.after(50, () => { for (;;); }) };`);
    const kernel = await start(entry, { probeMs: 200, restartBackoffMs: 60_000 });
    const plugin = nameOf(entry);
    await until(() => kernel.control.info(plugin).state === 'quarantined', { what: 'the quarantine' });
    expect(kernel.control.info(plugin).reason).toMatch(/was lost: its event loop did not turn for 200 ms/);
    await kernel.stop();
  });

  it('is the default for a plugin with a module that only taps hooks', async () => {
    const open = { isolation: undefined } as Partial<AnyPlugin>;
    const inThread = workerPlugin(`ctx.tap(hooks.ask, () => 'in thread ' + !isMainThread);`, open);
    const byChoice = workerPlugin('', { isolation: 'in-process', setup: () => undefined });
    const { moduleUrl: _without, ...noModule } = workerPlugin('', { ...open, setup: () => undefined });
    const serving = workerPlugin('', {
      ...open,
      requires: { calls },
      setup: () => undefined,
    });
    const kernel = await startTestKernel({ plugins: [owner, inThread, byChoice, noModule, serving] });
    const isolations = [inThread, byChoice, noModule, serving].map((entry) => kernel.control.info(nameOf(entry)));
    expect(isolations).toMatchObject([
      { state: 'running', isolation: 'worker' },
      { state: 'running', isolation: 'in-process' },
      { state: 'running', isolation: 'in-process' },
      { state: 'running', isolation: 'in-process' },
    ]);
    expect(await kernel.service(calls).call('ask', {})).toBe('in thread true');
    await kernel.stop();
  });

  it('reports a stop that loops, and ends the thread all the same', async () => {
    const entry = workerPlugin(`ctx.dispose(() => {}); return { stop() { for (;;); } };`);
    const before = threads();
    const kernel = await start(entry, { stopMs: 200, workerPingMs: 100 });
    const { problems, ms } = await kernel.stop();
    expect(problems[0]).toMatchObject({ plugin: nameOf(entry), code: 'ERR_PLUGIN_TIMEOUT' });
    expect(ms).toBeLessThan(5000);
    await until(() => threads() <= before, { what: 'the thread to end' });
  });

  it.each([
    ['exits', 'process.exit(3)', /it exited with code 3/],
    ['throws outside of every call', `setTimeout(() => { throw new Error('stray'); }, 1)`, /lost: stray/],
    [
      'needs too much memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill(all.length + 0.5))',
      /memory limit/,
    ],
  ])('is restarted when its thread %s; the process goes on', async (_what, code, reason) => {
    const entry = workerPlugin(
      `ctx.tap(hooks.mutate, (subject) => { if (subject.die) { ${code}; } return { threadId }; });`,
    );
    const kernel = await start(entry, { workerHeapMb: 32, restartBackoffMs: 300 });
    const plugin = nameOf(entry);
    const owned = kernel.service(calls);
    await owned.call('mutate', { die: true }).catch(() => undefined);
    await until(() => kernel.control.info(plugin).state === 'quarantined', {
      what: 'the quarantine',
      timeoutMs: 20_000,
    });
    expect(kernel.control.info(plugin).reason).toMatch(reason);
    await until(() => kernel.control.info(plugin).state === 'running', { what: 'the restart' });
    expect(await owned.call('mutate', {})).toHaveProperty('threadId');
    await kernel.stop();
  });

  it('reports a required plugin whose thread is lost; its taps fail closed until the embedder stops', async () => {
    const entry = workerPlugin(`ctx.tap(hooks.mutate, () => process.exit(1));`, { criticality: 'required' });
    const kernel = await start(entry);
    const owned = kernel.service(calls);
    await expect(owned.call('mutate', {})).rejects.toMatchObject({ code: 'ERR_TAP_FAILED' });
    expect(await kernel.kernel.failed).toMatchObject({ plugin: nameOf(entry) });
    expect(kernel.control.info(nameOf(entry)).state).toBe('failed');
    await expect(owned.call('mutate', {})).rejects.toMatchObject({
      code: 'ERR_TAP_FAILED',
      message: expect.stringContaining('was lost: it exited with code 1'),
    });
    await kernel.stop();
  });

  it('counts what the plugin reports and what its timers throw', async () => {
    const entry = workerPlugin(
      `ctx.reportFault(Object.assign(new Error('said'), { code: 'ERR_SAID' }));
       ctx.env.timers.after(1, () => { throw new Error('timer'); });
       ctx.env.timers.after(1, async () => { throw new Error('async timer'); });`,
    );
    const kernel = await start(entry);
    const plugin = nameOf(entry);
    await until(() => kernel.control.info(plugin).faults === 3, { what: 'three faults' });
    expect(kernel.control.info(plugin).state).toBe('running');
    const messages = kernel.log.lines.map(({ message }) => message);
    expect(messages).toEqual(expect.arrayContaining(['fault: said', 'fault: timer', 'fault: async timer']));
    await kernel.stop();
  });

  it('bounds log lines a second and calls that wait', async () => {
    const entry = workerPlugin(
      `for (let i = 0; i < 5000; i++) ctx.log.info({ i }, 'line');
       ctx.log.info({}, 'last');
       ctx.tap(hooks.mutate, () => new Promise(() => {}), { onError: 'skip' });`,
    );
    const kernel = await start(entry, { workerCallsLimit: 4 });
    const owned = kernel.service(calls);
    const lines = kernel.log.lines.filter(({ message }) => message === 'line').length;
    expect(lines).toBeGreaterThanOrEqual(1000);
    expect(lines).toBeLessThan(3000);
    await Promise.all(Array.from({ length: 6 }, () => owned.call('mutate', {})));
    expect(kernel.control.info(nameOf(entry)).taps).toMatchObject([{ calls: 6, errors: 2, timeouts: 4 }]);
    const message = expect.stringContaining('4 calls wait in its worker thread already');
    expect(kernel.log.lines).toContainEqual(expect.objectContaining({ level: 'warn', message }));
    await kernel.stop();
  });

  it.each([
    ['taps a hook as another kind', `ctx.tap({ ...hooks.mutate, kind: 'bail' }, () => {});`, /as a bail hook/],
    ['taps no hook', 'ctx.tap({}, () => {});', /must be a hook token/],
    ['returns services', 'return { provides: { x: {} } };', /may only tap hooks/],
    ['opens metrics', 'ctx.metrics({});', /has no metrics: give it isolation 'in-process'/],
    ['limits a call', 'ctx.within(10, () => 1);', /cannot limit calls: give it isolation 'in-process'/],
    ['has another name in its file', '', /is not plugin/],
  ])('fails when it %s', async (what, setup, reason) => {
    const made = workerPlugin(setup);
    const wrong = what.startsWith('has') ? { ...made, definition: { ...made.definition, name: 'other' } } : made;
    const kernel = await start(wrong);
    expect(kernel.control.info(nameOf(wrong))).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(reason),
    });
    await kernel.stop();
  });

  it('is enabled, disabled and enabled again on a running kernel', async () => {
    const entry = workerPlugin(`ctx.tap(hooks.ask, () => 'here');`);
    const kernel = await startTestKernel({ plugins: [owner], available: [entry] });
    const owned = kernel.service(calls);
    for (let round = 0; round < 2; round++) {
      expect(await owned.call('ask', {})).toBeUndefined();
      expect(await kernel.control.enable(nameOf(entry))).toMatchObject({ state: 'running' });
      expect(await owned.call('ask', {})).toBe('here');
      expect(await kernel.control.disable(nameOf(entry))).toMatchObject({ state: 'disabled', taps: [] });
    }
    await kernel.stop();
  });
});
