/**
 * A program for a machine of the bed: the network plugins of one node, from their sources, on an API server of its own whose Node
 * objects the test writes. Takes one JSON command a line, answers each with one JSON line.
 *
 * pod-node.ts NODE_NAME POD_CIDRS CLUSTER_CIDR DATA_DIRECTORY ROUTES
 *
 * POD_CIDRS: one, or one of each family with a comma between. ROUTES: more configuration of routes-auto, in JSON.
 */
import { createInterface } from 'node:readline';
import { definePlugin, type AnyPlugin, type StopReason } from '@timonel/sdk';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import networkBridge from '@timonel/plugin-network-bridge';
import routesAuto from '@timonel/plugin-routes-auto';
import storeMemory from '@timonel/plugin-store-memory';
import { apiClient } from '@timonel/sdk/contracts/api';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { nodes } from '@timonel/sdk/kube';
// Not the package's entry, whose suites need jest.
import { startTestKernel } from '../../../sdk/testkit/src/test-kernel.ts';

/** What the program is told. */
export interface PodNodeCommand {
  /** Writes a Node with its ranges and addresses. */
  readonly node?: {
    readonly name: string;
    readonly podCIDRs: readonly string[];
    readonly addresses: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly deleteNode?: string;
  /** Writes annotations into a Node. */
  readonly annotate?: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  /** The answer is the annotations of a Node, in JSON. */
  readonly annotationsOf?: string;
  /** Path of the network namespace of a new pod; the answer has its addresses, with blanks between. */
  readonly attach?: string;
  readonly detach?: string;
  /** Stops the network plugins as the kernel does for this reason, and ends. */
  readonly stop?: StopReason;
  /** Ends the API server alone. */
  readonly endApi?: true;
}

const [nodeName = '', podCidrs = '', clusterCidr = '', dataDir = '', routes = '{}'] = process.argv.slice(2);
const [podCidr = '', podCidr6] = podCidrs.split(',');
const apiConfig = { apiserver: { listen: { address: '127.0.0.1', port: 0 } } };
const control = await startTestKernel({
  plugins: [storeMemory, authToken, apiResources, apiserver, admissionNamespace],
  config: apiConfig,
});
const api = control.service(apiClient);

/** The API, as the node has it from another process. */
const clientOfControl: AnyPlugin = definePlugin({
  name: 'api-client',
  version: '0.1.0',
  apiVersion: 1,
  provides: { api: apiClient },
  setup: () => ({ provides: { api } }),
});
const node = await startTestKernel({
  plugins: [clientOfControl, networkBridge, routesAuto],
  dataDir,
  config: {
    'network-bridge': { podCidr, podCidr6, clusterCidrs: [clusterCidr] },
    'routes-auto': {
      nodeName,
      clusterCidrs: [clusterCidr],
      checkIntervalMs: 200,
      ...(JSON.parse(routes) as Record<string, unknown>),
    },
  },
});
const network = node.service(podNetwork);

async function run(command: PodNodeCommand): Promise<unknown> {
  if (command.node !== undefined) {
    const { name, podCIDRs, addresses, annotations = {} } = command.node;
    const status = { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) };
    const spec = { podCIDR: podCIDRs[0] ?? '', podCIDRs: [...podCIDRs] };
    await api.create(nodes, { metadata: { name, annotations }, spec, status });
  }
  if (command.deleteNode !== undefined) await api.delete(nodes, { name: command.deleteNode });
  if (command.annotate !== undefined) {
    const { name, annotations } = command.annotate;
    await api.patch(nodes, { name }, { type: 'merge', body: { metadata: { annotations } } });
  }
  if (command.annotationsOf !== undefined) {
    return JSON.stringify((await api.get(nodes, { name: command.annotationsOf })).metadata.annotations ?? {});
  }
  if (command.attach !== undefined) {
    const id = command.attach.split('/').at(-1) ?? '';
    const pod = { sandboxId: id, podUid: id, podNamespace: 'default', podName: id };
    return (await network.attach({ ...pod, networkNamespace: command.attach })).addresses.join(' ');
  }
  if (command.detach !== undefined) await network.detach(command.detach);
  if (command.endApi === true) await control.stop();
  if (command.stop !== undefined) await node.stop(command.stop);
  return 'done';
}

console.log(JSON.stringify('ready'));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as PodNodeCommand;
  const answer = await run(command).catch((error: unknown) => ({ error: String(error) }));
  console.log(JSON.stringify(answer));
  if (command.stop !== undefined) process.exit(0);
}
