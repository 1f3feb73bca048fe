/** What users rely on of the aggregation layer: an API that a pod serves, used like any other. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { extensionKeys, extensionScript } from '../support/extension-server.ts';
import { until } from '../support/until.ts';
import { steady } from './support/real/containers.ts';
import { hostImage } from './support/real/guestbook.ts';
import { realNode } from './support/real/real-node.ts';

const registrations = '/apis/apiregistration.k8s.io/v1/apiservices';
const registration = `${registrations}/v1alpha1.wardle.example.com`;
const flunders = '/apis/wardle.example.com/v1alpha1/namespaces/default/flunders';
const port = 8443;

describe('api-machinery: Aggregator', () => {
  const node = realNode();
  node.object('Service', 'wardle', {
    spec: { selector: { app: 'wardle' }, ports: [{ name: 'https', port: 443, targetPort: port }] },
  });

  const available = async (): Promise<unknown> => {
    const { status } = await node.api.ask('GET', registration);
    return status?.conditions?.find(({ type }: { type: string }) => type === 'Available');
  };

  it('an API that a pod serves behind a Service is discovered and used like any other, until it is taken away', async () => {
    const { api } = node;
    const keys = await extensionKeys('wardle.default');
    const spec = { group: 'wardle.example.com', version: 'v1alpha1', groupPriorityMinimum: 2000, versionPriority: 200 };
    const service = { namespace: 'default', name: 'wardle' };
    await api.ask('POST', registrations, {
      metadata: { name: 'v1alpha1.wardle.example.com' },
      spec: { ...spec, service, caBundle: keys.caBundle },
    });
    await until(async () => JSON.stringify(await available())?.includes('"status":"False"'), { what: 'its absence' });
    expect(await api.send('GET', flunders)).toMatchObject({ status: 503 });

    const published = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    const { data } = await api.ask('GET', published);
    const texts = { PORT: String(port), KEY: keys.key, CERT: keys.certificate };
    const values = { ...texts, CLIENT_CA: data['requestheader-client-ca-file'] as string };
    const container = {
      name: 'c',
      image: hostImage,
      command: ['node', '--input-type=module', '-e', readFileSync(extensionScript, 'utf8')],
      env: Object.entries(values).map(([name, value]) => ({ name, value })),
      readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    };
    const pod = node.later('wardle', steady(container), { labels: { app: 'wardle' } });
    await pod.create();
    await pod.ready();
    await until(async () => JSON.stringify(await available())?.includes('"reason":"Passed"'), {
      what: 'the condition Available',
    });

    const groups = await api.ask('GET', '/apis');
    expect(groups.groups.map(({ name }: { name: string }) => name)).toContain('wardle.example.com');
    expect(await api.ask('POST', flunders, { metadata: { name: 'one' } })).toMatchObject({ metadata: { name: 'one' } });
    expect(await api.ask('GET', flunders)).toMatchObject({
      kind: 'FlunderList',
      items: [{ metadata: { name: 'one' } }],
    });
    const seen: string[] = [];
    const watch = api.watch(`${flunders}?watch=1`, ({ type }) => seen.push(type));
    await watch.opened;
    await api.ask('DELETE', `${flunders}/one`);
    await until(() => seen.includes('DELETED'), { what: 'the deletion in the watch' });
    watch.stop();

    await api.ask('DELETE', registration);
    await until(async () => (await api.send('GET', flunders)).status === 404, { what: 'the end of the API' });
  });
});
