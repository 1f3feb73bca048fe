/** The client in the server's process and the one over HTTPS pass the same cases. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiClient } from '@timonel/sdk/contracts/api';
import { startTestKernel } from '@timonel/testkit';
import { apiClientContract } from '@timonel/testkit/contracts/api-client';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import apiClientHttps from '@timonel/plugin-api-client-https';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const eventHistory = 40;

function startServer(): Promise<TestApiServer> {
  return startApiServer({ apiserver: { limits: { eventHistory }, timing: { bookmarkPeriodMs: 100 } } });
}

apiClientContract('in-process', async () => {
  const server = await startServer();
  return { client: server.api, eventHistory, close: () => server.stop() };
});

apiClientContract('https', async () => {
  const server = await startServer();
  const caFile = join(server.kernel.dataDir, 'test-ca.crt');
  const tokenFile = join(server.kernel.dataDir, 'test-token');
  writeFileSync(caFile, server.kernel.service(apiEndpoint).caCertificate());
  writeFileSync(tokenFile, server.token, { mode: 0o600 });
  const kernel = await startTestKernel({
    plugins: [apiClientHttps],
    config: { 'api-client-https': { servers: [server.url], caFile, tokenFile } },
  });
  return {
    client: kernel.service(apiClient),
    eventHistory,
    async close() {
      await kernel.stop();
      await server.stop();
    },
  };
});
