import { KernelError, definePlugin, type ServiceOf, type ServiceToken } from '@timonel/sdk';
import type { PluginEntry } from '@timonel/core';

let sequence = 0;

/**
 * A plugin that provides `partial` for `token`. A method that is asked for but not given is an error that says so:
 * a promise that rejects, or a throw where the token calls it synchronous.
 */
export function fakeService<S extends ServiceToken>(token: S, partial: Partial<ServiceOf<S>>): PluginEntry {
  const name = `fake-${token.id.replaceAll('.', '-')}-${sequence++}`;
  const given = partial as Readonly<Record<PropertyKey, unknown>>;
  const service = new Proxy<object>(partial, {
    get: (_target, key) => {
      if (key in given || typeof key === 'symbol' || key === 'then' || key === 'toJSON') return given[key];
      const error = new KernelError('ERR_INVARIANT', `the fake of service '${token.id}' has no '${key}'`);
      return () => {
        if (token.sync.includes(key)) throw error;
        return Promise.reject(error);
      };
    },
  });
  const definition = definePlugin({
    name,
    version: '0.0.0',
    apiVersion: 1,
    description: `fake of ${token.id}`,
    provides: { service: token },
    setup: () => ({ provides: { service: service as never } }),
  });
  return { definition, source: 'built-in' };
}
