import { expect, it } from '@jest/globals';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { containerConfig, sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { pluginSuite, startTestKernel, until } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('runtime-fake', () => ({ entry: { definition: plugin, source: 'built-in' }, dependencies: [] }));

it.each([
  { usage: undefined, memory: 0, busy: false },
  { usage: { cpuMillis: 250, memoryBytes: 5000 }, memory: 5000, busy: true },
])('says that a container uses $usage', async ({ usage, memory, busy }) => {
  const kernel = await startTestKernel({ plugins: [plugin], config: { 'runtime-fake': { usage } } });
  try {
    const runtime = kernel.service(containerRuntime).all()[0]?.service;
    if (runtime === undefined) throw new Error('no runtime');
    await runtime.runSandbox(sandboxConfig('s', '/var/log/fake'));
    const image = { imageId: 'sha256:fake', reference: 'fake:1', layers: [] };
    await runtime.createContainer(containerConfig('s', 'c', image, ['fake:run']));
    expect(await runtime.stats()).toEqual([]);
    await runtime.startContainer('c');
    const own = async () => (await runtime.stats())[0];
    await until(async () => !busy || ((await own())?.cpuUsageNanos ?? 0) > 0, { what: 'time to pass' });
    expect(await own()).toMatchObject({ id: 'c', memoryUsageBytes: memory, memoryWorkingSetBytes: memory });
    if (!busy) expect((await own())?.cpuUsageNanos).toBe(0);
  } finally {
    await kernel.stop();
  }
});
