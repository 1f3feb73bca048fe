/**
 * An informer of the official client library, as its examples show it. A program of its own, for the library cannot be loaded
 * under jest: answers every message with what it holds and what it has seen.
 */
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';

export interface InformerReport {
  /** `NAME VERSION` of each object, sorted. */
  readonly objects: readonly string[];
  readonly seen: readonly {
    readonly verb: string;
    readonly name: string;
    readonly uid: string;
    readonly version: number;
  }[];
  readonly errors: number;
}

const namespace = 'default';
const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? '');
const core = config.makeApiClient(CoreV1Api);
const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
  core.listNamespacedConfigMap({ namespace }),
);
const seen: InformerReport['seen'][number][] = [];
let errors = 0;

function begin(): void {
  informer.start().catch(() => {
    errors += 1;
    setTimeout(begin, 50);
  });
}

for (const verb of ['add', 'update', 'delete'] as const) {
  informer.on(verb, ({ metadata }) => {
    const { name = '', uid = '', resourceVersion } = metadata ?? {};
    seen.push({ verb, name, uid, version: Number(resourceVersion) });
  });
}
informer.on('error', () => {
  errors += 1;
  setTimeout(begin, 50);
});
process.on('message', () => {
  const held = informer.list(namespace).map(({ metadata }) => `${metadata?.name} ${metadata?.resourceVersion}`);
  const report: InformerReport = { objects: held.toSorted(), seen, errors };
  process.send?.(report);
});
process.once('disconnect', () => process.exit());
begin();
