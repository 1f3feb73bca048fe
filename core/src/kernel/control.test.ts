import { describe, expect, it } from '@jest/globals';
import { KernelError, definePlugin, defineService, kernelControl, type AnyPlugin } from '@timonel/sdk';
import type { DesiredChange, PluginEntry } from '@timonel/core';
import { startTestKernel } from '@timonel/testkit';
import { z } from 'zod';

const word = defineService<{ say(): Promise<string> }>('control.word', { major: 1, cardinality: 'one' });

function speaker(name: string): AnyPlugin {
  return definePlugin({
    name,
    version: '1.0.0',
    apiVersion: 1,
    provides: { word },
    config: z.strictObject({ text: z.string().default('hi') }),
    setup: (ctx) => ({ provides: { word: { say: () => Promise.resolve(`${name}: ${ctx.config.text}`) } } }),
  });
}
const listener: AnyPlugin = definePlugin({
  name: 'listener',
  version: '1.0.0',
  apiVersion: 1,
  requires: { word },
  setup: () => undefined,
});
const entry = (definition: AnyPlugin, source = 'built-in'): PluginEntry => ({ definition, source });

describe('kernel control', () => {
  it('enables, lists, configures and disables', async () => {
    const changes: DesiredChange[] = [];
    const kernel = await startTestKernel({
      plugins: [],
      available: [entry(speaker('speaker-a')), entry(listener)],
      onDesiredChange: (change) => void changes.push(change),
    });
    const control = kernel.service(kernelControl);
    expect(control.list().map(({ name, state }) => `${name} ${state}`)).toEqual([
      'listener disabled',
      'speaker-a disabled',
    ]);
    await expect(control.enable('listener')).rejects.toMatchObject({
      code: 'ERR_SERVICE_MISSING',
      message: expect.stringContaining(`enable one of: 'speaker-a'`),
    });
    await expect(control.enable('speaker-a', { txet: 'x' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining(`unknown key 'txet' – did you mean 'text'?`),
    });
    expect(await control.enable('speaker-a', { text: 'ahoy' })).toMatchObject({
      state: 'running',
      provides: ['control.word'],
    });
    expect(await kernel.service(word).say()).toBe('speaker-a: ahoy');
    expect(control.providerOf('control.word')).toBe('speaker-a');
    expect(await control.enable('speaker-a')).toMatchObject({ state: 'running' });
    await expect(control.enable('speaker-a', {})).rejects.toMatchObject({ code: 'ERR_PLUGIN_STATE' });
    await control.enable('listener');
    await expect(control.disable('speaker-a')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_IN_USE',
      message: expect.stringContaining(`'listener'`),
    });
    await control.disable('listener');
    expect(await control.disable('speaker-a')).toMatchObject({ state: 'disabled' });
    await expect(kernel.service(word).say()).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(changes.map(({ kind, ...rest }) => `${kind} ${'plugin' in rest ? rest.plugin : ''}`)).toEqual([
      'enable speaker-a',
      'enable listener',
      'disable listener',
      'disable speaker-a',
    ]);
    expect(changes[0]).toMatchObject({ config: { text: 'ahoy' }, source: 'built-in' });
    await kernel.stop();
    await expect(control.enable('speaker-a')).rejects.toMatchObject({ code: 'ERR_PLUGIN_STATE' });
  });

  it('suggests the nearest name, and to swap a service that is taken', async () => {
    const kernel = await startTestKernel({ plugins: [speaker('speaker-a')], available: [entry(speaker('speaker-b'))] });
    expect(() => kernel.control.info('speaker-x')).toThrow(
      /there is no plugin 'speaker-x' – did you mean 'speaker-[ab]'\?/,
    );
    await expect(kernel.control.enable('speeker-b')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_UNKNOWN',
      message: expect.stringContaining(`did you mean 'speaker-b'?`),
    });
    await expect(kernel.control.enable('speaker-b')).rejects.toMatchObject({
      code: 'ERR_SERVICE_CONFLICT',
      message: expect.stringMatching(/'speaker-a', 'speaker-b' provide it.*or swap the service/),
    });
    expect(kernel.control.info('speaker-b').state).toBe('disabled');
    await kernel.stop();
  });

  it('loads files: a broken one is listed with its reason, a failed one is read again', async () => {
    let version = 0;
    const loadPlugin = (file: string): Promise<PluginEntry> => {
      version++;
      if (version === 1) return Promise.reject(new KernelError('ERR_PLUGIN_IMPORT', `${file}: unexpected token`));
      const base = speaker('from-file');
      const failing = { ...base, setup: () => Promise.reject(new Error(`version ${version}`)) };
      return Promise.resolve(entry(version === 2 ? failing : base, file));
    };
    const kernel = await startTestKernel({ plugins: [], loadPlugin });
    const { control } = kernel;
    const file = '/plugins/from-file.ts';
    await expect(control.enable(file)).rejects.toMatchObject({ code: 'ERR_PLUGIN_IMPORT' });
    expect(control.info('from-file')).toMatchObject({
      state: 'failed',
      source: file,
      reason: 'ERR_PLUGIN_IMPORT: /plugins/from-file.ts: unexpected token',
    });
    await expect(control.enable(file)).rejects.toMatchObject({ code: 'ERR_PLUGIN_SETUP' });
    expect(control.info('from-file').reason).toContain('version 2');
    expect(await control.enable('from-file')).toMatchObject({ state: 'running', source: file, reason: undefined });
    expect(await kernel.service(word).say()).toBe('from-file: hi');
    await kernel.stop();
  });

  it('gives up on an import that hangs', async () => {
    const loadPlugin = (): Promise<PluginEntry> => new Promise(() => undefined);
    const kernel = await startTestKernel({ plugins: [], loadPlugin, limits: { importMs: 20 } });
    await expect(kernel.control.enable('./hang.ts')).rejects.toMatchObject({ code: 'ERR_PLUGIN_TIMEOUT' });
    expect(kernel.control.info('hang').state).toBe('failed');
    await kernel.stop();
  });

  it('refuses a set with problems before it runs anything', async () => {
    let ran = false;
    const eager = definePlugin({
      name: 'eager',
      version: '1.0.0',
      apiVersion: 1,
      setup: () => {
        ran = true;
      },
    });
    await expect(startTestKernel({ plugins: [eager, listener] })).rejects.toMatchObject({
      code: 'ERR_GRAPH',
      problems: [{ code: 'ERR_SERVICE_MISSING', plugin: 'listener' }],
    });
    expect(ran).toBe(false);
  });

  it('runs operations one after the other', async () => {
    const kernel = await startTestKernel({ plugins: [], available: [entry(speaker('speaker-a')), entry(listener)] });
    const { control } = kernel;
    const [, , infos] = await Promise.all([
      control.enable('speaker-a'),
      control.enable('listener'),
      control.disable('listener'),
      control.disable('speaker-a'),
    ]);
    expect(infos.state).toBe('disabled');
    expect(control.list().map(({ state }) => state)).toEqual(['disabled', 'disabled']);
    await kernel.stop();
  });
});
