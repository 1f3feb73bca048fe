import { expect } from '@jest/globals';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import { listSnapshot } from '@timonel/sdk/scheduling';
import { pluginSuite } from '@timonel/testkit';
import { aNode, aPod, chosen } from '@timonel/testkit/contracts/scheduler';
import plugin from './index.ts';

pluginSuite('scheduler-spread', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [decision] = await kernel.service(scheduler).decide([aPod()], listSnapshot([aNode('a')]));
    expect(chosen(decision)).toBe('a');
  },
}));
