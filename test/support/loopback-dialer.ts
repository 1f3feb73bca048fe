/** A way to services that ends on loopback, for API servers in tests: endpoints there are nobody's to write. */
import { connect } from 'node:net';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { serviceDialer } from '@timonel/sdk/contracts/api-server';

/** `ports`: where services listen, by name. */
export const loopbackDialer = (ports: ReadonlyMap<string, number>): AnyPlugin =>
  definePlugin({
    name: 'test-dialer',
    version: '0.1.0',
    apiVersion: 1,
    description: 'Reaches services on loopback.',
    provides: { dialer: serviceDialer },
    setup: () => ({
      provides: {
        dialer: {
          async dial({ name }) {
            const socket = connect({ host: '127.0.0.1', port: ports.get(name) ?? 1 });
            await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
            return socket;
          },
        },
      },
    }),
  });

/** The built-in kinds, without their own way to services. */
export function withoutDialer(plugin: AnyPlugin): AnyPlugin {
  const { dialer: _, ...provides } = plugin.provides as Record<string, unknown>;
  return {
    ...plugin,
    name: 'kinds-without-dialer',
    provides,
    async setup(ctx) {
      const instance = await plugin.setup(ctx);
      const { dialer: __, ...rest } = (instance as { provides: Record<string, unknown> }).provides;
      return { ...instance, provides: rest };
    },
  } as AnyPlugin;
}
