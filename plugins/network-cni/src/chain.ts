/** The plugins of one network, called one after the other. Source: CNI specification 1.1, section 3. */
import { errorMessage } from '@timonel/sdk';
import type { NetworkList, PluginConfig } from './network-list.ts';
import {
  callPlugin,
  programOf,
  type CallVariables,
  type CniCommand,
  type PluginError,
  type PluginPlace,
} from './plugin-call.ts';
import { atLeast } from './versions.ts';

/** What a pod has of a network, as it is kept: enough to take it away when the configuration is another one by then. */
export interface Membership {
  readonly list: NetworkList;
  /** CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME and CNI_ARGS. */
  readonly variables: CallVariables;
  /** By name of the capability. */
  readonly capabilities: Readonly<Record<string, unknown>>;
}

function configOf(
  { list, capabilities }: Pick<Membership, 'list' | 'capabilities'>,
  plugin: PluginConfig,
  prevResult: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> & { readonly type: string } {
  const wanted = Object.entries(capabilities).filter(([name]) => plugin.capabilities?.[name] === true);
  return {
    ...plugin,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }),
    ...(prevResult === undefined ? {} : { prevResult }),
    ...more,
  };
}

/** True when a plugin of the network takes this. */
export function hasCapability({ plugins }: NetworkList, name: string): boolean {
  return plugins.some(({ capabilities }) => capabilities?.[name] === true);
}

/** @throws NetworkError; what the first plugins made is there then, and `del` takes it away */
export async function addToNetwork(place: PluginPlace, member: Membership): Promise<unknown> {
  let result: unknown;
  for (const plugin of member.list.plugins) {
    result = await callPlugin(place, 'ADD', configOf(member, plugin, result), member.variables);
  }
  return result;
}

/** In reverse order; each plugin is called, also after one that failed. @throws NetworkError of the first that failed */
export async function deleteFromNetwork(place: PluginPlace, member: Membership, result: unknown): Promise<void> {
  const previous = atLeast(member.list.cniVersion, '0.4.0') ? result : undefined;
  const errors: unknown[] = [];
  for (const plugin of member.list.plugins.toReversed()) {
    await callPlugin(place, 'DEL', configOf(member, plugin, previous), member.variables).catch((error: unknown) =>
      errors.push(error),
    );
  }
  if (errors.length > 0) throw errors[0];
}

/** Why a pod's network is not what it was made; undefined: it is, or nobody can say. */
export async function checkInNetwork(
  place: PluginPlace,
  member: Membership,
  result: unknown,
): Promise<string | undefined> {
  if (member.list.disableCheck || !atLeast(member.list.cniVersion, '0.4.0')) return undefined;
  try {
    for (const plugin of member.list.plugins) {
      await callPlugin(place, 'CHECK', configOf(member, plugin, result), member.variables);
    }
    return undefined;
  } catch (error) {
    return (error as Partial<PluginError>).cniCode === undefined ? undefined : errorMessage(error);
  }
}

/** Tells the plugins which pods there are: they clear away what is of others. */
export async function collectGarbage(
  place: PluginPlace,
  list: NetworkList,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
): Promise<void> {
  if (list.disableGC || !atLeast(list.cniVersion, '1.1.0')) return;
  await callEach(place, list, 'GC', { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid });
}

/** @throws NetworkError when a plugin is absent, or says that it cannot take pods */
export async function networkStatus(place: PluginPlace, list: NetworkList): Promise<void> {
  for (const { type } of list.plugins) await programOf(place.pluginDirectories, type);
  if (atLeast(list.cniVersion, '1.1.0')) await callEach(place, list, 'STATUS', {});
}

async function callEach(
  place: PluginPlace,
  list: NetworkList,
  command: CniCommand,
  more: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const plugin of list.plugins) {
    await callPlugin(place, command, configOf({ list, capabilities: {} }, plugin, undefined, more), {});
  }
}
