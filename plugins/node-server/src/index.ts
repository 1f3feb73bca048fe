import { definePlugin, errorMessage, kernelMetrics, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import { nodeEndpoint, nodeInspection } from '@timonel/sdk/contracts/node';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { CredentialWatch } from '@timonel/sdk/tls';
import { configSchema } from './config.ts';
import { Callers } from './callers.ts';
import { handle } from './handler.ts';
import { nodeIn } from './node-in.ts';
import { Pages } from './pages.ts';
import { Listener } from './listener.ts';
import { Upgrades } from './upgrades.ts';

/** The node's own server: what the control planes ask of a node in another process. */
const plugin: AnyPlugin = definePlugin({
  name: 'node-server',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Serves logs, sessions and connections into pods of this node to the control planes over HTTPS, and figures of it to those who may see them',
  requires: { nodes: nodeEndpoint, metrics: kernelMetrics },
  optional: { inspections: nodeInspection, api: apiClient, proxy: serviceProxy, policies: networkPolicyEnforcer },
  config: configSchema,
  swap: 'never',
  criticality: 'optional',
  async setup(ctx) {
    const { config, deps, env, log } = ctx;
    const credentials = await CredentialWatch.open(config, log);
    const { nodes, inspections, metrics, api, proxy, policies } = deps;
    const callers = new Callers({
      groups: config.callerGroups,
      clock: env.clock,
      log,
      nodeName: () => nodeIn({ nodes }).nodeName(),
      api: () => api.current,
    });
    const parts = { nodes, pages: new Pages({ nodes, inspections, metrics, proxy, policies }), callers, env, log };
    const stopping = new AbortController();
    const { sessions, idleTimeoutMs } = config;
    const upgrades = new Upgrades({ ...parts, sessions, idleTimeoutMs, signal: stopping.signal });
    const listener = new Listener(
      credentials.current,
      config.connections,
      (request, response) => void handle(parts, request, response),
      (request, socket, head) => void upgrades.handle(request, socket, head),
    );
    const renew = async (): Promise<void> => {
      if (!(await credentials.refresh())) return;
      listener.use(credentials.current);
      log.info({}, 'the certificate changed: new connections see it');
    };
    return {
      async start() {
        const { address } = config.listen;
        const port = await listener.listen(address, config.listen.port);
        log.info({ address, port }, 'the node serves the control planes');
        env.timers.every(config.credentialsIntervalMs, () => {
          renew().catch((error: unknown) => log.warn({ error: errorMessage(error) }, 'certificates not looked at'));
        });
      },
      async stop() {
        stopping.abort();
        await listener.close();
      },
    };
  },
});

export default plugin;
