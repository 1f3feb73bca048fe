/** Schedulers outside as users see them: in the list of schedulers, and in the answer to why a pod of theirs waits. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import { externalSchedulers } from '@timonel/sdk/contracts/scheduler';
import { schedulingRoot, type SchedulingStatus } from '@timonel/sdk/contracts/scheduler-shadow';
import type { Why } from '@timonel/sdk/contracts/why';
import { pods } from '@timonel/sdk/kube';
import apiWhy from '@timonel/plugin-api-why';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerExternal from '@timonel/plugin-scheduler-external';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { schedulerItems, schedulersText } from '../../cli/src/commands/scheduler-text.ts';
import { whyText } from '../../cli/src/output/why-text.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const broken = definePlugin({
  name: 'scheduler-broken',
  version: '1.0.0',
  apiVersion: 1,
  provides: { external: externalSchedulers },
  setup: () => ({
    provides: {
      external: {
        list() {
          throw new Error('nothing comes to mind');
        },
      },
    },
  }),
});

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer({
    plugins: [schedulerHost, schedulerDefault, broken, schedulerExternal, apiWhy],
    config: { 'scheduler-external': { schedulers: [{ name: 'batch-optimizer', hint: 'runs in namespace batch' }] } },
  });
});
afterAll(() => server?.stop());

it('are listed, with the hint', async () => {
  const { status, body } = await server.send('GET', `${schedulingRoot}/status`);
  expect({ status, external: body.external }).toEqual({
    status: 200,
    external: [{ name: 'batch-optimizer', hint: 'runs in namespace batch' }],
  });
  const items = schedulerItems(server.kernel.control.list(), 'scheduler-default', body as SchedulingStatus);
  expect(schedulersText(items, Date.now())).toMatch(
    /^ +batch-optimizer +- +outside +pods of its name wait for it +runs in namespace batch/m,
  );
});

it('are what their pods wait for', async () => {
  const containers = [{ name: 'main', image: 'example.com/any:1' }];
  const metadata = { name: 'solved', namespace: 'default' };
  await server.api.create(pods, { metadata, spec: { containers, schedulerName: 'batch-optimizer' } });
  const { body } = await server.send('GET', '/apis/why.timonel.dev/v1/namespaces/default/pods/solved');
  expect(whyText(body as Why)).toContain(
    'it waits for the scheduler "batch-optimizer", which runs outside (runs in namespace batch)',
  );
});
