/** The DNS plugin of a node with the services of a cluster. Says `ready`; ends with its stdin. */
import dnsNode from '@timonel/plugin-dns-node';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { podNetwork } from '@timonel/sdk/contracts/network';
// Not the package's entry, whose suites need jest.
import { fakeService } from '../../../sdk/testkit/src/fake-service.ts';
import { silentWatch } from '../../../sdk/testkit/src/silent-watch.ts';
import { startTestKernel } from '../../../sdk/testkit/src/test-kernel.ts';
import { benchServices, servicePort } from './bench-services.ts';

export interface DnsServerOptions {
  readonly dataDir: string;
  readonly services: number;
  readonly port: number;
}

const metadata = (name: string, more: object = {}): object => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  ...more,
});

export async function serveNames({ dataDir, services, port }: DnsServerOptions): Promise<void> {
  const objects: Readonly<Record<string, readonly object[]>> = {
    namespaces: [{ metadata: metadata('default') }],
    services: benchServices(services - 1).map(({ name, address }) => ({
      metadata: metadata(name, { namespace: 'default' }),
      spec: { clusterIP: address, ports: [{ name: 'http', port: servicePort }] },
    })),
    endpointslices: [],
  };
  const api = fakeService(apiClient, {
    list: async ({ resource }: { resource: string }) => ({
      metadata: { resourceVersion: '1' },
      items: objects[resource],
    }),
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => silentWatch(signal),
  } as unknown as Partial<ApiClient>);
  const network = fakeService(podNetwork, {
    nodeNetwork: async () => ({ podCidr: '10.244.0.0/24', nodeAddress: '127.0.0.1' }),
  });
  const dns = { definition: dnsNode, source: 'built-in', config: { port, upstreams: ['127.0.0.1:9'] } } as const;
  const kernel = await startTestKernel({ plugins: [api, network, dns], dataDir });
  process.stdin.on('end', () => void kernel.stop().then(() => process.exit(0))).resume();
  console.log('ready');
}
