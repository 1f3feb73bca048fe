/** Of the controllers of identity: see `live-controllers.ts`. */
import { makePrivateKey, makeSigningRequest } from '@timonel/sdk/pki';
import type { LiveCase, LiveCluster } from './live-controllers.ts';

const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

async function hasDefaultAccount({ ask, namespace }: LiveCluster): Promise<boolean> {
  const { items } = await ask('GET', `/api/v1/namespaces/${namespace}/serviceaccounts`);
  return items.length === 1;
}

export const identityCases: readonly LiveCase[] = [
  {
    name: 'controller-serviceaccount',
    before: (live) => live.until('the default account', () => hasDefaultAccount(live)).then(() => undefined),
    change: ({ ask, namespace }) => ask('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/default`),
    isDone: hasDefaultAccount,
  },
  {
    name: 'controller-roleaggregation',
    async change({ ask, namespace }) {
      const labels = { 'example.com/part-of': namespace };
      const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
      await ask('POST', roles, { metadata: { name: `${namespace}-part`, labels }, rules });
      const aggregationRule = { clusterRoleSelectors: [{ matchLabels: labels }] };
      await ask('POST', roles, { metadata: { name: `${namespace}-whole` }, aggregationRule });
    },
    isDone: async ({ ask, namespace }) => ((await ask('GET', `${roles}/${namespace}-whole`)).rules ?? []).length === 1,
  },
  {
    name: 'controller-certificates',
    async change({ ask, update, namespace: name }) {
      const pem = await makeSigningRequest(await makePrivateKey(), { commonName: 'jane', organizations: [] });
      const request = Buffer.from(pem).toString('base64');
      const spec = { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] };
      await ask('POST', requests, { metadata: { name }, spec });
      await update(`${requests}/${name}/approval`, (object) => {
        object.status = { conditions: [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }] };
      });
    },
    isDone: async ({ ask, namespace }) =>
      (await ask('GET', `${requests}/${namespace}`)).status?.certificate !== undefined,
  },
  {
    // Replacing the authority is a matter of `authority-rotation.test.ts`: here, whether somebody looks after it.
    name: 'controller-authority',
    change: () => Promise.resolve(),
    isDone: ({ ask }) =>
      ask('GET', '/apis/certificates.timonel.dev/v1/status').then(
        ({ phase }) => phase === 'stable',
        () => false,
      ),
  },
];
