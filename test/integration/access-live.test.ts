/** Who decides on access goes and comes back while requests are under way: nobody gets through meanwhile who has no right. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterRoleBindings } from '@timonel/sdk/kube';
import authzNode from '@timonel/plugin-authz-node';
import authzRbac from '@timonel/plugin-authz-rbac';
import controllerRoleAggregation from '@timonel/plugin-controller-roleaggregation';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { defaultControlPlane } from '../support/default-control-plane.ts';

const tokens = { nobody: 'token-of-somebody-else', viewer: 'token-of-the-viewer', node: 'token-of-the-node-n1' };
const path = '/api/v1/configmaps';

let server: TestApiServer;
const ask = async (token: string): Promise<number> => (await server.send('GET', path, { token })).status;

beforeAll(async () => {
  const { apiserver } = await defaultControlPlane();
  server = await startApiServer({
    plugins: [authzNode, authzRbac, controllerRoleAggregation],
    apiserver,
    config: {
      'auth-token': {
        tokens: [
          { token: tokens.nobody, username: 'nobody' },
          { token: tokens.viewer, username: 'viewer' },
          { token: tokens.node, username: 'system:node:n1', groups: ['system:nodes'] },
        ],
      },
    },
  });
  const apiGroup = 'rbac.authorization.k8s.io';
  await server.api.create(clusterRoleBindings, {
    metadata: { name: 'viewer' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'view' },
    subjects: [{ apiGroup, kind: 'User', name: 'viewer' }],
  });
  await until(async () => (await ask(tokens.viewer)) === 200, { what: 'the rights of the viewer' });
});
afterAll(() => server?.stop());

describe('a plugin that decides', () => {
  it.each([['authz-rbac'], ['authz-node'], ['authz-rbac', 'authz-node']])(
    'goes and comes back: %s',
    async (...names) => {
      const seen = { nobody: new Set<number>(), node: new Set<number>(), admin: new Set<number>() };
      const over = new AbortController();
      const asking = (async () => {
        while (!over.signal.aborted) {
          seen.nobody.add(await ask(tokens.nobody));
          seen.node.add(await ask(tokens.node));
          seen.admin.add(await ask(server.token));
        }
      })();
      try {
        for (const name of names) await server.kernel.control.disable(name);
        if (names.includes('authz-rbac')) expect([403, 503]).toContain(await ask(tokens.viewer));
        for (const name of names) await server.kernel.control.enable(name);
        await until(async () => (await ask(tokens.viewer)) === 200, { what: 'the rights of the viewer' });
      } finally {
        over.abort();
        await asking;
      }
      for (const statuses of [seen.nobody, seen.node])
        expect([...statuses].filter((status) => status !== 403 && status !== 503)).toEqual([]);
      expect([...seen.admin]).toEqual([200]);
    },
  );
});
