/** Pods that ask the API from within, and what they need for it. */

/** Asks until it is answered: the rules of services come by and by. Prints what it was told. */
const script = `
const https = require('node:https');
const { readFileSync } = require('node:fs');
const [ca, token] = ['ca.crt', 'token'].map((name) => readFileSync('/access/' + name, 'utf8'));
const get = (host, path) => new Promise((resolve, reject) => {
  const headers = { authorization: 'Bearer ' + token };
  const asked = https.get({ host, port: process.env.KUBERNETES_SERVICE_PORT, path, ca, headers, agent: false, timeout: 2000 });
  asked.on('timeout', () => asked.destroy(new Error('no answer')));
  asked.on('error', reject);
  asked.on('response', (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk));
    answer.on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(text) }));
  });
});
const answered = async (host, path) => {
  for (;;) {
    try { return await get(host, path); }
    catch (error) { console.error(host + ': ' + error.message); await new Promise((next) => setTimeout(next, 200)); }
  }
};
(async () => {
  const version = await answered('kubernetes.default.svc', '/version');
  const pods = await answered(process.env.KUBERNETES_SERVICE_HOST, '/api/v1/namespaces/default/pods');
  if (version.status !== 200 || pods.status !== 200) process.exitCode = 1;
  console.log(JSON.stringify([version.status, version.body.major, pods.status, pods.body.items.map(({ metadata }) => metadata.name)]));
})();`;

const accessVolume = {
  name: 'access',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

export function apiPod(name: string, spec: object = {}): object {
  const volumeMounts = [{ name: 'access', mountPath: '/access' }];
  const container = { name: 'c', image: 'timonel.local/node:host', command: ['node', '-e', script], volumeMounts };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { name } },
    spec: {
      restartPolicy: 'Never',
      serviceAccountName: 'reader',
      terminationGracePeriodSeconds: 1,
      volumes: [accessVolume],
      containers: [container],
      ...spec,
    },
  };
}

/** The service account of these pods may do everything. */
export const apiPodObjects: readonly object[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader' } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
  },
];
