import { auditSink } from '@timonel/sdk/contracts/audit';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('audit-log', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const user = { username: 'u', uid: '', groups: [], extra: {} };
    const named = { group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'a', name: 'b' };
    const record = kernel.service(auditSink).begin({
      auditId: '1',
      uri: '/api/v1/namespaces/a/pods/b',
      method: 'DELETE',
      receivedAt: 0,
      sender: user,
      impersonated: undefined,
      attributes: { user, verb: 'delete', ...named },
      sourceAddress: '10.0.0.1',
      userAgent: 'test',
    });
    if (record === undefined) throw new Error('a deletion is not kept');
    record.completed({ code: 200, body: undefined });
    await Promise.resolve();
  },
}));
