import { describe, expect, it } from '@jest/globals';
import type { Kernel } from '@timonel/core';
import { createRecordingLogger } from '@timonel/testkit';
import { pluginOfStack, watchStrayErrors } from './stray-errors.ts';

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

describe('watchStrayErrors', () => {
  it('blames each plugin that runs of a package with several, and gives up when none does', async () => {
    const blamed: string[] = [];
    const running = new Set(['runtime-runc']);
    const reportFault = (name: string): boolean => {
      blamed.push(name);
      return running.has(name);
    };
    const watch = watchStrayErrors({ reportFault } as unknown as Kernel, new Map(), createRecordingLogger());
    // Called, not emitted: the test runner listens too.
    const listener = process.listeners('uncaughtException').at(-1);
    watch.stop();
    const stack = 'Error: x\n    at f (file:///opt/timonel/plugins/runtime-oci/dist/runtime.js:1:1)';
    const error = Object.assign(new Error('x'), { stack });
    listener?.(error, 'uncaughtException');
    expect(blamed).toEqual(['runtime-crun', 'runtime-runc']);
    expect(await Promise.race([watch.fatal, Promise.resolve('none')])).toBe('none');
    running.clear();
    listener?.(error, 'uncaughtException');
    expect(await watch.fatal).toBe(error);
  });
});
