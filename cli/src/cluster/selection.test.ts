import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ClusterSettings, Profile } from '../profiles/profile.ts';
import { catalogue } from './catalogue.ts';
import { selectPlugins, type Selection, type SelectionInput } from './selection.ts';

const profile = (closed: boolean): Profile => ({
  name: 'small',
  description: 'a network',
  ...(closed ? { closed: true } : {}),
  entries: () => [{ plugin: 'network-loopback', config: { from: 'profile' } }],
});

const select = (closed: boolean, more: Partial<SelectionInput> = {}): Promise<Selection> =>
  selectPlugins({
    profile: profile(closed),
    settings: {} as ClusterSettings,
    configFile: {},
    desired: { version: 1, plugins: {} },
    enable: [],
    disable: [],
    scheduler: undefined,
    pluginCache: '/nowhere',
    ...more,
  });

// One after the other: the test runner cannot import several modules at once.
beforeAll(async () => {
  for (const load of Object.values(catalogue)) await load();
}, 60_000);

const names = (entries: Selection['plugins']): string[] => entries.map(({ definition }) => definition.name);

describe('the plugins of a profile', () => {
  it('are those it names; others could be enabled', async () => {
    const { plugins, available } = await select(false);
    expect(plugins).toMatchObject([{ definition: { name: 'network-loopback' }, config: { from: 'profile' } }]);
    expect(names(available)).toEqual(expect.arrayContaining(['store-raft', 'network-bridge']));
  });

  it('are all that is loaded when the profile is closed', async () => {
    expect(await select(true)).toMatchObject({ plugins: [{}], available: [] });
  });

  it('are joined by those that are enabled, by flag or file', async () => {
    const configFile = { plugins: { 'metrics-prometheus': { config: {} } } };
    const { plugins, available } = await select(true, { enable: ['network-bridge'], configFile });
    expect(names(plugins)).toEqual(['network-loopback', 'metrics-prometheus', 'network-bridge']);
    expect(available).toEqual([]);
  });

  it('can be named in place of one that is left out, also when the profile is closed', async () => {
    const { plugins, available } = await select(true, { disable: ['network-loopback'] });
    expect(plugins).toEqual([]);
    expect(names(available)).toEqual(expect.arrayContaining(['network-loopback', 'network-bridge']));
  });

  it.each([true, false])('must exist (closed: %s)', async (closed) => {
    const message = 'There is no plugin "network-brige". Did you mean "network-bridge"?';
    await expect(select(closed, { enable: ['network-brige'] })).rejects.toThrow(message);
    await expect(select(closed, { disable: ['network-brige'] })).rejects.toThrow(message);
  });
});
