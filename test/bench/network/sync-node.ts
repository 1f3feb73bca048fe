/** The service proxy of a node whose API runs elsewhere. Says in one line how many ms its first sync took; ends with its stdin. */
import apiClientHttps from '@timonel/plugin-api-client-https';
import proxyNftables from '@timonel/plugin-proxy-nftables';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
// Not the package's entry, whose suites need jest.
import { startTestKernel } from '../../../sdk/testkit/src/test-kernel.ts';

export interface NodeOptions {
  readonly dataDir: string;
  readonly server: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly rules: number;
}

export async function runNode({ dataDir, server, caFile, tokenFile, rules }: NodeOptions): Promise<void> {
  const config = {
    'api-client-https': { servers: [server], caFile, tokenFile },
    'proxy-nftables': { serviceCidr: '10.96.0.0/16', clusterCidrs: ['10.244.0.0/16'] },
  };
  const began = performance.now();
  const kernel = await startTestKernel({ plugins: [apiClientHttps, proxyNftables], dataDir, config });
  const took = performance.now() - began;
  const status = await kernel.service(serviceProxy).status();
  if (status.rules < rules) throw new Error(`the first sync had ${status.rules} rules, not ${rules}`);
  process.stdin.on('end', () => void kernel.stop().then(() => process.exit(0))).resume();
  console.log(String(took));
}
