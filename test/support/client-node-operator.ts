/**
 * An operator as its author would write it with the official client library: makes a definition of two versions that its webhook converts,
 * changes and checks objects by webhooks of admission, follows them by an informer, holds them by a finalizer, makes a ConfigMap for each
 * and writes a status. A program of its own, for the library cannot be loaded under jest. Ends when told to, or with 1 and what was wrong.
 * Arguments: the kubeconfig, and the directory of the certificate of its webhooks.
 */
import {
  AdmissionregistrationV1Api,
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type KubernetesListObject,
  type KubernetesObject,
  type V1CustomResourceDefinitionVersion,
} from '@kubernetes/client-node';
import { group, register, serveWebhooks, type Webhooks } from './client-node-operator-webhooks.ts';
import { until } from './until.ts';

interface Buoy extends KubernetesObject {
  readonly spec: { readonly depth: number; readonly colour: string };
}

const kind = { group, version: 'v1', plural: 'buoys', namespace: 'default' };
const finalizer = `${group}/held`;
const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? '');
const definitions = config.makeApiClient(ApiextensionsV1Api);
const custom = config.makeApiClient(CustomObjectsApi);
const core = config.makeApiClient(CoreV1Api);
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

const text = { type: 'string' };
/** `v1` is stored. */
const versionOf = (name: string, depth: object): V1CustomResourceDefinitionVersion => ({
  name,
  served: true,
  storage: name === 'v1',
  subresources: { status: {} },
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { colour: text, ...depth } },
        status: { type: 'object', properties: { floats: { type: 'boolean' } } },
      },
    },
  },
});

async function define({ clientConfigOf }: Webhooks): Promise<void> {
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: { name: `buoys.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'buoys', kind: 'Buoy' },
        versions: [
          versionOf('v1', { depth: { type: 'integer', minimum: 1 } }),
          versionOf('v2', { sounding: { ...text, pattern: '^[0-9]+ (m|fathoms)$' } }),
        ],
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: clientConfigOf('/convert'), conversionReviewVersions: ['v1'] },
        },
      },
    },
  });
  await until(
    async () => {
      const { status } = await definitions.readCustomResourceDefinition({ name: `buoys.${group}` });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
    },
    { what: 'the definition to be established' },
  );
}

async function reconcile({ metadata = {}, spec }: Buoy): Promise<void> {
  const { name = '', uid = '', finalizers = [] } = metadata;
  const one = { ...kind, name };
  if (metadata.deletionTimestamp !== undefined) {
    if (finalizers.includes(finalizer)) {
      await custom.patchNamespacedCustomObject({ ...one, body: { metadata: { finalizers: null } } }, merge);
    }
    return;
  }
  const data = { depth: String(spec.depth), colour: spec.colour };
  if (finalizers.includes(finalizer)) {
    await core.patchNamespacedConfigMap({ namespace: 'default', name, body: { data } }, merge);
    return;
  }
  await custom.patchNamespacedCustomObject({ ...one, body: { metadata: { finalizers: [finalizer] } } }, merge);
  const ownerReferences = [{ apiVersion: `${group}/v1`, kind: 'Buoy', name, uid }];
  await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name, ownerReferences }, data } });
  await custom.patchNamespacedCustomObjectStatus({ ...one, body: { status: { floats: true } } }, merge);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

async function run(): Promise<void> {
  const webhooks = await serveWebhooks(process.argv[3] ?? '');
  await define(webhooks);
  await register(config.makeApiClient(AdmissionregistrationV1Api), webhooks);
  const list = async (): Promise<KubernetesListObject<Buoy>> =>
    (await custom.listNamespacedCustomObject(kind)) as KubernetesListObject<Buoy>;
  const informer = makeInformer<Buoy>(config, `/apis/${group}/v1/namespaces/default/buoys`, list);
  let work = Promise.resolve();
  for (const verb of ['add', 'update'] as const) {
    informer.on(verb, (buoy) => {
      work = work.then(() => reconcile(buoy)).catch(fail);
    });
  }
  await informer.start();
  process.send?.('ready');
  process.once('message', () => {
    webhooks.close();
    void informer.stop().then(() => process.exit(0));
  });
}

run().catch(fail);
