/** The plugins of a control plane as `timonel up` runs them, for API servers in tests. */
import type { AnyPlugin } from '@timonel/sdk';
import { catalogue } from '../../cli/src/cluster/catalogue.ts';
import { controlPlane } from '../../cli/src/profiles/control-plane.ts';
import type { TestApiServerOptions } from './api-server.ts';

const settings = {
  instance: 'test',
  nodeName: 'test',
  address: '127.0.0.1',
  port: 0,
  podCidr: '10.244.0.0/24',
  serviceCidr: '10.96.0.0/16',
  onShutdown: 'remove',
  hasNftables: false,
} as const;

async function load(name: string): Promise<AnyPlugin> {
  const loader = catalogue[name];
  if (loader === undefined) throw new Error(`there is no plugin ${name}`);
  return (await loader()).default;
}

/** All of them but the store, with the configuration that the profile gives them. */
export async function defaultControlPlane(): Promise<
  Required<Pick<TestApiServerOptions, 'plugins' | 'apiserver' | 'config'>>
> {
  const entries = controlPlane(settings).filter(({ plugin }) => !plugin.startsWith('store-'));
  const config = Object.fromEntries(entries.map((entry) => [entry.plugin, entry.config]));
  const plugins: AnyPlugin[] = [];
  // One after the other: the test runner links modules that several imports share only once.
  for (const { plugin } of entries) plugins.push(await load(plugin));
  return { plugins, config, apiserver: config['apiserver'] ?? {} };
}
