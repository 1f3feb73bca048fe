import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { nodeResolver } from '@timonel/sdk/contracts/node';
import { isNotFound, nodes } from '@timonel/sdk/kube';
import { CredentialWatch } from '@timonel/sdk/tls';
import { configSchema } from './config.ts';
import { addressOf } from './node-address.ts';
import { RemoteNode } from './remote-node.ts';
import { Turnstile } from './turnstile.ts';

/** Nodes in other processes, for the API server: by the address in their Node object, over HTTPS. */
const plugin: AnyPlugin = definePlugin({
  name: 'node-remote',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Reaches the nodes of other machines: logs, sessions and connections into their pods',
  requires: { api: apiClient },
  provides: { resolver: nodeResolver },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  async setup(ctx) {
    const { config, deps, env, log } = ctx;
    const { connectTimeoutMs, answerTimeoutMs, idleTimeoutMs } = config;
    const credentials = await CredentialWatch.open(config, log);
    const turnstile = new Turnstile(config.requests);
    const refresh = async (): Promise<void> => void (await credentials.refresh());
    return {
      provides: {
        resolver: {
          async resolve(nodeName) {
            try {
              const address = addressOf(await deps.api.get(nodes, { name: nodeName }));
              const times = { connectTimeoutMs, answerTimeoutMs, idleTimeoutMs };
              const parts = { timers: env.timers, ...times, credentials: credentials.current };
              return new RemoteNode(address, parts, turnstile);
            } catch (error) {
              if (isNotFound(error)) return undefined;
              throw error;
            }
          },
        },
      },
      start() {
        env.timers.every(config.credentialsIntervalMs, () => {
          refresh().catch((error: unknown) => log.warn({ error: errorMessage(error) }, 'certificates not looked at'));
        });
      },
      stop: () => turnstile.close(),
    };
  },
});

export default plugin;
