/**
 * Admission policies by the official client library for Node.js. A program of its own, for the library cannot be loaded under jest: ends
 * with 0 when all is as it should be.
 */
import assert from 'node:assert/strict';
import {
  AdmissionregistrationV1Api,
  AdmissionregistrationV1beta1Api,
  CoreV1Api,
  KubeConfig,
  type V1MutatingAdmissionPolicy,
  type V1ObjectMeta,
} from '@kubernetes/client-node';
import { until } from './until.ts';

const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? '');
const core = config.makeApiClient(CoreV1Api);
const stable = config.makeApiClient(AdmissionregistrationV1Api);
const beta = config.makeApiClient(AdmissionregistrationV1beta1Api);
const name = 'client-node';
const namespace = 'default';

function policy(
  value: string,
  metadata: V1ObjectMeta = { name },
  reinvocationPolicy = 'Never',
): V1MutatingAdmissionPolicy {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
  const expression = `Object{ data: {'by': '${value}'} }`;
  return {
    metadata,
    spec: {
      matchConstraints: { resourceRules: [rule] },
      reinvocationPolicy,
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    },
  };
}

/** Waits until new config maps are changed in this way. */
async function inForce(value: string | undefined): Promise<void> {
  const body = { metadata: { name: 'a' } };
  const made = async (): Promise<string | undefined> =>
    (await core.createNamespacedConfigMap({ namespace, body, dryRun: 'All' })).data?.['by'];
  await until(async () => (await made()) === value, { what: `config maps by ${value}` });
}

await stable.createMutatingAdmissionPolicy({ body: policy('one') });
await beta.createMutatingAdmissionPolicyBinding({ body: { metadata: { name }, spec: { policyName: name } } });
await inForce('one');

const read = await beta.readMutatingAdmissionPolicy({ name });
assert.equal(read.apiVersion, 'admissionregistration.k8s.io/v1beta1');
assert.equal(read.spec?.failurePolicy, 'Fail');
assert.deepEqual(
  (await stable.listMutatingAdmissionPolicyBinding()).items.map(({ spec }) => spec?.policyName),
  [name],
);

const { metadata } = await stable.readMutatingAdmissionPolicy({ name });
const resourceVersion = metadata?.resourceVersion ?? '';
await stable.replaceMutatingAdmissionPolicy({ name, body: policy('two', { name, resourceVersion }) });
await inForce('two');
const refused = stable.createMutatingAdmissionPolicy({ body: policy('x', { name: 'wrong' }, 'Always') });
await assert.rejects(refused, /spec\.reinvocationPolicy: Unsupported value/);

await stable.deleteMutatingAdmissionPolicyBinding({ name });
await inForce(undefined);
await beta.deleteMutatingAdmissionPolicy({ name });
assert.deepEqual((await stable.listMutatingAdmissionPolicy()).items, []);
// Connections that a client keeps for later.
process.exit();
