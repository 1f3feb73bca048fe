import { describe, expect, it } from '@jest/globals';
import { pluginOfStack } from './stray-errors.ts';

const bundles = new Map([['file:///data/plugin-cache/0123.mjs', 'from-a-file']]);

describe('pluginOfStack', () => {
  it('finds the innermost plugin', () => {
    const stack = `Error: x
    at inner (file:///data/plugin-cache/0123.mjs:4:5)
    at outer (file:///opt/timonel/plugins/apiserver/dist/index.js:1:1)`;
    expect(pluginOfStack(stack, bundles)).toBe('from-a-file');
    expect(pluginOfStack(stack, new Map())).toBe('apiserver');
  });

  it('finds plugins that are installed as packages', () => {
    const stack = 'Error: x\n    at f (/opt/node_modules/@timonel/plugin-store-raft/dist/store.js:1:1)';
    expect(pluginOfStack(stack, bundles)).toBe('store-raft');
  });

  it('finds plugins of the bundled command', () => {
    const stack = 'Error: x\n    at f (file:///opt/timonel/cli/dist/bundle/plugin-store-raft.JHNXASOB.js:1:1)';
    expect(pluginOfStack(stack, bundles)).toBe('store-raft');
  });

  it('blames nobody for what no plugin did', () => {
    expect(
      pluginOfStack('Error: x\n    at f (file:///opt/timonel/core/dist/kernel/boot.js:1:1)', bundles),
    ).toBeUndefined();
    expect(pluginOfStack('', bundles)).toBeUndefined();
  });
});
