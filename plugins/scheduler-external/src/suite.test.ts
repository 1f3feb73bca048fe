import { describe, expect, it } from '@jest/globals';
import { checkConfig } from '@timonel/sdk';
import { externalSchedulers } from '@timonel/sdk/contracts/scheduler';
import { pluginSuite, startTestKernel } from '@timonel/testkit';
import plugin from './index.ts';

const batch = { name: 'batch', hint: 'runs in namespace batch; ask team-blue' };

pluginSuite('scheduler-external', () => ({
  entry: { definition: plugin, config: { schedulers: [batch] }, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(externalSchedulers).all();
    expect(provider?.service.list()).toEqual([batch]);
  },
}));

describe('scheduler-external', () => {
  it('names nobody when nothing is configured', async () => {
    const kernel = await startTestKernel({ plugins: [plugin] });
    expect(kernel.service(externalSchedulers).all()[0]?.service.list()).toEqual([]);
    await kernel.stop();
  });

  it.each([
    [{ schedulers: [{ name: '' }] }, 'schedulers[0].name'],
    [{ schedulers: [batch, batch] }, `'schedulers[1].name': "batch" is there twice`],
    [{ schedulers: [{ name: 'a', hints: 'x' }] }, `unknown key 'schedulers[0].hints' – did you mean 'hint'?`],
  ])('refuses %j', async (config, problem) => {
    expect(await checkConfig(plugin, config)).toEqual({ ok: false, problems: [expect.stringContaining(problem)] });
  });
});
