import { expect, it } from '@jest/globals';
import type { KernelControl, PluginInfo } from '@timonel/sdk';
import { pluginsCheck } from './plugins-check.ts';

function check(...plugins: Partial<PluginInfo>[]): Promise<void> {
  const control: Partial<KernelControl> = { list: () => plugins as PluginInfo[] };
  return pluginsCheck(control as KernelControl).check();
}

it('fails only when a required plugin has failed', async () => {
  const store = { name: 'store', enabled: true, criticality: 'required', reason: 'ERR_X: no disk' } as const;
  await check({ ...store, state: 'running' }, { name: 'gc', criticality: 'optional', state: 'quarantined' });
  // A candidate that did not take over.
  await check({ ...store, enabled: false, state: 'failed' });
  await expect(check({ ...store, state: 'failed' })).rejects.toThrow(`plugin 'store' has failed: ERR_X: no disk`);
});
