/**
 * An operator as its author would write it with the official client library: makes a definition, follows its objects by an informer, holds
 * them by a finalizer, makes a ConfigMap for each and writes a status. A program of its own, for the library cannot be loaded under jest.
 * Ends when told to, or with 1 and what was wrong.
 */
import {
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type KubernetesListObject,
  type KubernetesObject,
} from '@kubernetes/client-node';
import { until } from './until.ts';

interface Buoy extends KubernetesObject {
  readonly spec: { readonly depth: number };
}

const group = 'operator.example.com';
const kind = { group, version: 'v1', plural: 'buoys', namespace: 'default' };
const finalizer = `${group}/held`;
const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? '');
const definitions = config.makeApiClient(ApiextensionsV1Api);
const custom = config.makeApiClient(CustomObjectsApi);
const core = config.makeApiClient(CoreV1Api);
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

async function define(): Promise<void> {
  const depth = { type: 'integer', minimum: 1 };
  const floats = { type: 'boolean' };
  const properties = {
    spec: { type: 'object', properties: { depth } },
    status: { type: 'object', properties: { floats } },
  };
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: { name: `buoys.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'buoys', kind: 'Buoy' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            subresources: { status: {} },
            schema: { openAPIV3Schema: { type: 'object', properties } },
          },
        ],
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
  if (!finalizers.includes(finalizer)) {
    await custom.patchNamespacedCustomObject({ ...one, body: { metadata: { finalizers: [finalizer] } } }, merge);
    const ownerReferences = [{ apiVersion: `${group}/v1`, kind: 'Buoy', name, uid }];
    const body = { metadata: { name, ownerReferences }, data: { depth: String(spec.depth) } };
    await core.createNamespacedConfigMap({ namespace: 'default', body });
    await custom.patchNamespacedCustomObjectStatus({ ...one, body: { status: { floats: true } } }, merge);
  }
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

async function run(): Promise<void> {
  await define();
  const list = async (): Promise<KubernetesListObject<Buoy>> =>
    (await custom.listNamespacedCustomObject(kind)) as KubernetesListObject<Buoy>;
  const informer = makeInformer<Buoy>(config, `/apis/${group}/v1/namespaces/default/buoys`, list);
  for (const verb of ['add', 'update'] as const) informer.on(verb, (buoy) => void reconcile(buoy).catch(fail));
  await informer.start();
  process.send?.('ready');
  process.once('message', () => {
    void informer.stop().then(() => process.exit(0));
  });
}

run().catch(fail);
