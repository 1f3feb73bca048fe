/** One-file plugins on a live cluster: enabled, at work, gone; and files that fail or hang wherever they can. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster, type RunResult } from '../support/cluster.ts';
import { until } from '../support/until.ts';

interface PluginView {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly since: string;
  readonly source: string;
  readonly isolation: string;
  readonly faults: number;
  readonly restarts: number;
  readonly taps: readonly {
    readonly hook: string;
    readonly calls: number;
    readonly errors: number;
    readonly timeouts: number;
  }[];
}

const denyLatest = join(import.meta.dirname, '..', '..', 'examples', 'plugins', 'deny-latest.ts');

describe('one-file plugins', () => {
  let cluster: TestCluster;
  let directory: string;

  const kubectl = (...args: string[]): Promise<RunResult> => cluster.kubectl(args);
  const plugins = async (): Promise<readonly PluginView[]> =>
    JSON.parse((await cluster.timonel('plugin', 'list', '-o', 'json')).stdout) as PluginView[];
  const plugin = async (name: string): Promise<PluginView | undefined> =>
    (await plugins()).find((candidate) => candidate.name === name);
  const file = (name: string, body: string): string => {
    const path = join(directory, name);
    writeFileSync(path, body);
    return path;
  };
  const define = (name: string, rest: string): string =>
    file(
      `${name}.ts`,
      `import { definePlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
export default definePlugin({ name: '${name}', version: '1.0.0', apiVersion: 1, ${rest} });
`,
    );
  let configMaps = 0;
  /** The cluster goes on: a write gets through. */
  const createsConfigMap = async (): Promise<RunResult> => {
    configMaps += 1;
    return kubectl('create', 'configmap', `alive-${configMaps}`, '--from-literal=a=b');
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'timonel-plugins-'));
    const config = file('timonel.yaml', 'kernel: { setupMs: 2500, startMs: 2500, restartBackoffMs: 15000 }\n');
    cluster = await TestCluster.start({ args: ['--profile', 'fake-nodes', '--config', config] });
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  it('deny-latest refuses images tagged :latest until it is disabled', async () => {
    expect((await kubectl('run', 'before', '--image=web:latest')).status).toBe(0);
    const enabled = await cluster.timonel('plugin', 'enable', denyLatest);
    expect(enabled).toMatchObject({ status: 0, stdout: 'plugin deny-latest is running\n' });
    expect((await plugin('deny-latest'))?.isolation).toBe('worker');
    const refused = await kubectl('run', 'tagged', '--image=web:latest');
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain(
      'spec.containers[0].image: Invalid value: "web:latest": images tagged :latest are not allowed',
    );
    expect((await kubectl('run', 'untagged', '--image=web')).status).not.toBe(0);
    expect((await kubectl('run', 'versioned', '--image=web:1')).status).toBe(0);
    expect((await plugin('deny-latest'))?.taps[0]).toMatchObject({ hook: 'api.object.validate', errors: 0 });
    expect((await cluster.timonel('plugin', 'disable', 'deny-latest')).stdout).toBe('plugin deny-latest is disabled\n');
    expect((await kubectl('run', 'after', '--image=web:latest')).status).toBe(0);
  }, 60_000);

  it('remembers over a restart what was enabled and disabled', async () => {
    await cluster.timonel('plugin', 'enable', denyLatest);
    expect((await cluster.timonel('plugin', 'disable', 'controller-gc')).status).toBe(0);
    await cluster.signal('SIGINT');
    await cluster.up();
    expect((await plugin('deny-latest'))?.state).toBe('running');
    expect((await plugin('controller-gc'))?.state).toBe('disabled');
    expect((await kubectl('run', 'again', '--image=web:latest')).status).not.toBe(0);
    await cluster.timonel('plugin', 'disable', 'deny-latest');
    expect((await cluster.timonel('plugin', 'enable', 'controller-gc')).stdout).toBe(
      'plugin controller-gc is running\n',
    );
  }, 90_000);

  const failing: readonly { name: string; make: () => string; reason: RegExp }[] = [
    {
      name: 'throws-at-import',
      make: () => file('throws-at-import.ts', 'throw new Error("no luck today");'),
      reason: /no luck today/,
    },
    {
      name: 'hangs-at-import',
      make: () => file('hangs-at-import.ts', 'await new Promise(() => undefined);'),
      reason: /did not finish|never|ended/,
    },
    { name: 'loops-at-import', make: () => file('loops-at-import.ts', 'for (;;) {}'), reason: /did not finish within/ },
    {
      name: 'does-not-compile',
      make: () => file('does-not-compile.ts', 'export default {;'),
      reason: /could not be compiled/,
    },
    {
      name: 'no-definition',
      make: () => file('no-definition.ts', 'export default 42;'),
      reason: /no default export made by definePlugin/,
    },
    {
      name: 'throws-in-setup',
      make: () => define('throws-in-setup', `setup() { throw new Error('no luck today'); }`),
      reason: /no luck today/,
    },
    {
      name: 'hangs-in-setup',
      make: () => define('hangs-in-setup', `setup: () => new Promise(() => undefined)`),
      reason: /setup.*\d+ ms/,
    },
    {
      name: 'throws-in-start',
      make: () => define('throws-in-start', `setup: () => ({ start() { throw new Error('no luck today'); } })`),
      reason: /no luck today/,
    },
    {
      name: 'hangs-in-start',
      make: () => define('hangs-in-start', `setup: () => ({ start: () => new Promise(() => undefined) })`),
      reason: /start.*\d+ ms/,
    },
    {
      name: 'loops-in-setup',
      make: () => define('loops-in-setup', `setup() { for (;;) {} }`),
      reason: /setup of plugin .* did not end within 2500 ms/,
    },
    {
      name: 'loops-late-in-setup',
      make: () => define('loops-late-in-setup', `async setup() { await undefined; for (;;) {} }`),
      reason: /setup of plugin .* did not end within 2500 ms/,
    },
    {
      name: 'loops-in-start',
      make: () => define('loops-in-start', `setup: () => ({ start() { for (;;) {} } })`),
      reason: /start of plugin .* did not end within 2500 ms/,
    },
    {
      name: 'loops-in-setup-in-process',
      make: () => define('loops-in-setup-in-process', `isolation: 'in-process', setup() { for (;;) {} }`),
      reason: /setup of plugin .* did not end within 2500 ms/,
    },
    {
      name: 'loops-in-start-in-process',
      make: () =>
        define('loops-in-start-in-process', `isolation: 'in-process', setup: () => ({ start() { for (;;) {} } })`),
      reason: /start of plugin .* did not end within 2500 ms/,
    },
  ];
  for (const { name, make, reason } of failing) {
    it(`${name}: refused with the reason, listed, and the cluster goes on`, async () => {
      const before = Date.now();
      const enabling = cluster.timonel('plugin', 'enable', make());
      expect((await createsConfigMap()).status).toBe(0);
      const result = await enabling;
      expect(result.status).toBe(1);
      expect(result.stderr + result.stdout).toMatch(reason);
      const listed = await plugin(name);
      expect(listed?.state).toBe('failed');
      expect(listed?.reason).toMatch(reason);
      expect(Date.parse(listed?.since ?? '')).toBeGreaterThan(before - 2000);
      expect((await createsConfigMap()).status).toBe(0);
    }, 60_000);
  }

  it('a plugin for another version of the plugin API is refused', async () => {
    const path = file(
      'future.ts',
      `import { definePlugin } from '@timonel/sdk';
export default definePlugin({ name: 'future', version: '1.0.0', apiVersion: 99 as 1, setup() {} });`,
    );
    const result = await cluster.timonel('plugin', 'enable', path);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/plugin API 99/);
  }, 30_000);

  it('a tap that throws fails the request with its name, and is quarantined when it goes on', async () => {
    await cluster.timonel(
      'plugin',
      'enable',
      define(
        'throws-in-hook',
        `setup(ctx) { ctx.tap(apiHooks.objectValidate, (object, { resource }) => { if (resource === 'configmaps') throw new Error('no luck today'); }); }`,
      ),
    );
    const first = await createsConfigMap();
    expect(first.status).not.toBe(0);
    expect(first.stderr).toContain('throws-in-hook');
    await until(async () => (await createsConfigMap()).status === 0, {
      what: 'writes to get through again',
      timeoutMs: 30_000,
    });
    const listed = await plugin('throws-in-hook');
    expect(['quarantined', 'failed']).toContain(listed?.state);
    expect(listed?.reason).toContain('no luck today');
    expect((await cluster.timonel('plugin', 'disable', 'throws-in-hook')).status).toBe(0);
  }, 60_000);

  it('a tap that hangs is cut off at its deadline', async () => {
    await cluster.timonel(
      'plugin',
      'enable',
      define(
        'hangs-in-hook',
        `setup(ctx) { ctx.tap(apiHooks.objectValidate, (object, { resource }) => (resource === 'configmaps' ? new Promise(() => undefined) : undefined), { deadlineMs: 200 }); }`,
      ),
    );
    const cut = await createsConfigMap();
    expect(cut.status).not.toBe(0);
    expect(cut.stderr).toMatch(/hangs-in-hook.*200 ms/);
    expect((await plugin('hangs-in-hook'))?.taps[0]).toMatchObject({ timeouts: 1 });
    await cluster.timonel('plugin', 'disable', 'hangs-in-hook');
    expect((await createsConfigMap()).status).toBe(0);
  }, 60_000);

  const loopsFor = (more: string): string =>
    `${more} setup(ctx) { ctx.tap(apiHooks.objectValidate, (object, { resource }) => { if (resource === 'configmaps') for (;;) {} }, { deadlineMs: 300 }); }`;

  it('a tap that loops for ever is cut off at its deadline, its thread is ended, and writes get through', async () => {
    await cluster.timonel('plugin', 'enable', define('loops-in-hook', loopsFor('')));
    expect(await plugin('loops-in-hook')).toMatchObject({ state: 'running', isolation: 'worker' });
    const before = Date.now();
    const cut = await createsConfigMap();
    expect(cut.status).not.toBe(0);
    expect(cut.stderr).toMatch(/loops-in-hook.*300 ms/);
    await until(async () => (await plugin('loops-in-hook'))?.state === 'quarantined', { what: 'the quarantine' });
    expect((await createsConfigMap()).status).toBe(0);
    const listed = await plugin('loops-in-hook');
    expect(listed?.reason).toContain(`worker thread of plugin 'loops-in-hook' was lost: its event loop did not turn`);
    expect(Date.parse(listed?.since ?? '')).toBeGreaterThan(before - 2000);
    expect((await cluster.timonel('plugin', 'disable', 'loops-in-hook')).status).toBe(0);
  }, 60_000);

  it('a tap that loops for ever in the process is cut off at its deadline, too', async () => {
    const name = 'loops-in-process';
    await cluster.timonel('plugin', 'enable', define(name, loopsFor(`isolation: 'in-process',`)));
    const cut = await createsConfigMap();
    expect(cut.status).not.toBe(0);
    expect(cut.stderr).toMatch(/loops-in-process.*300 ms/);
    expect((await kubectl('get', 'configmaps')).status).toBe(0);
    const listed = await plugin(name);
    expect(listed).toMatchObject({ state: 'running', isolation: 'in-process' });
    expect(listed?.faults).toBeGreaterThan(0);
    expect(listed?.taps[0]?.timeouts).toBeGreaterThan(0);
    expect((await cluster.timonel('plugin', 'disable', name)).status).toBe(0);
    expect((await createsConfigMap()).status).toBe(0);
  }, 60_000);

  it('an exception in a callback of its own ends the thread of the plugin, not the cluster', async () => {
    const body = `setup: () => ({ start() { setTimeout(() => { throw new Error('no luck today'); }, 500); } })`;
    await cluster.timonel('plugin', 'enable', define('throws-in-thread', body));
    await until(async () => (await plugin('throws-in-thread'))?.state === 'quarantined', { what: 'the quarantine' });
    expect((await plugin('throws-in-thread'))?.reason).toContain('was lost: no luck today');
    expect((await createsConfigMap()).status).toBe(0);
    await cluster.timonel('plugin', 'disable', 'throws-in-thread');
  }, 30_000);

  it('an exception in a callback of its own in the process is a fault of the plugin, not the end of the cluster', async () => {
    const body = `isolation: 'in-process', setup() { setTimeout(() => { throw new Error('no luck today'); }, 50); void Promise.reject(new Error('nor tomorrow')); }`;
    await cluster.timonel('plugin', 'enable', define('throws-by-itself', body));
    await until(async () => (await plugin('throws-by-itself'))?.faults === 2, { what: 'two faults' });
    expect((await createsConfigMap()).status).toBe(0);
    await cluster.timonel('plugin', 'disable', 'throws-by-itself');
  }, 30_000);

  it('a file that is gone at the next start is listed with the reason and can be forgotten', async () => {
    const path = define('goes-away', `setup() {}`);
    expect((await cluster.timonel('plugin', 'enable', path)).status).toBe(0);
    await cluster.signal('SIGINT');
    rmSync(path);
    await cluster.up();
    expect(await plugin('goes-away')).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('does not exist'),
    });
    expect((await cluster.timonel('plugin', 'disable', 'goes-away')).status).toBe(0);
    await cluster.signal('SIGINT');
    await cluster.up();
    expect((await plugin('goes-away'))?.state).not.toBe('failed');
  }, 60_000);

  it('enabling what is enabled, and names that do not exist, say so', async () => {
    const typo = await cluster.timonel('plugin', 'enable', 'controler-gc');
    expect(typo.status).toBe(1);
    expect(typo.stderr).toContain('controller-gc');
    const second = await cluster.timonel('plugin', 'enable', 'scheduler-binpack');
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/scheduler-default/);
    const used = await cluster.timonel('plugin', 'disable', 'store-raft');
    expect(used.status).toBe(1);
    expect(used.stderr).toMatch(/apiserver/);
  }, 30_000);
});
