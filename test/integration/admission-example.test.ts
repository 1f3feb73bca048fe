/** The example of admission policies, applied by kubectl. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import admissionPolicies from '@timonel/plugin-admission-policies';
import { eventually, type Json } from '../support/crds.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'admissionpolicy', 'admissionpolicy.yaml');
let tools: KubectlServer;

beforeAll(async () => {
  tools = await startKubectlServer({ plugins: [admissionPolicies] });
});
afterAll(() => tools.server.stop());

it('labels Deployments of teams, and limits their replicas', async () => {
  const { server } = tools;
  const metadata = { name: 'lighthouse', labels: { team: 'keepers' } };
  expect(await server.send('POST', '/api/v1/namespaces', { body: { metadata } })).toMatchObject({ status: 201 });
  const limits = { metadata: { name: 'limits' }, data: { replicas: '2' } };
  await server.send('POST', '/api/v1/namespaces/lighthouse/configmaps', { body: limits });
  expect(await tools.run(['apply', '-f', example])).toMatchObject({ status: 0 });

  const deploy = (namespace: string, replicas: number): ReturnType<typeof server.send> => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
    const body: Json = {
      metadata: { name: 'web', labels },
      spec: { replicas, selector: { matchLabels: labels }, template },
    };
    return server.send('POST', `/apis/apps/v1/namespaces/${namespace}/deployments?dryRun=All`, { body });
  };
  await eventually('the policies are in force', async () => {
    expect((await deploy('lighthouse', 3)).body.message).toMatch(/denied request: at most 2 replicas$/);
    const { body } = await deploy('lighthouse', 2);
    expect(body.metadata.labels).toEqual({ app: 'web', team: 'keepers' });
    expect(body.spec.template.metadata.labels).toEqual({ app: 'web', team: 'keepers' });
  });
  expect((await deploy('default', 3)).body.metadata.labels).toEqual({ app: 'web' });
});
