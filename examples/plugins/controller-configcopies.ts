/** Copies every ConfigMap with the label `copy.timonel.dev/to-all` into all namespaces, and keeps the copies as the original is. */
import { act, defineController, jsonEqual, keysFrom, type Action, type Observation } from '@timonel/sdk/controller';
import { configMaps, namespaces, objectKey, type ConfigMap, type Namespace } from '@timonel/sdk/kube';

const toAll = 'copy.timonel.dev/to-all';
const copyOf = 'copy.timonel.dev/original';

interface Seen extends Observation<Namespace> {
  readonly originals: readonly ConfigMap[];
  /** In this namespace. */
  readonly copies: readonly ConfigMap[];
}

const isOriginal = ({ metadata }: ConfigMap): boolean => metadata.labels?.[toAll] !== undefined;

function copied(original: ConfigMap, namespace: string): ConfigMap {
  const { name = '' } = original.metadata;
  const annotations = { [copyOf]: objectKey(original) };
  return {
    metadata: { name, namespace, annotations },
    ...(original.data === undefined ? {} : { data: original.data }),
  };
}

function reconcile({ subject, originals, copies }: Seen): { actions: Action[] } {
  const namespace = subject?.metadata.name ?? '';
  const wanted = originals
    .filter(({ metadata }) => metadata.namespace !== namespace)
    .map((original) => copied(original, namespace));
  const actions = wanted.flatMap((copy): Action[] => {
    const text = `${copy.metadata.annotations?.[copyOf]} is to be in every namespace`;
    const existing = copies.find(({ metadata }) => metadata.name === copy.metadata.name);
    if (existing === undefined) return [act.create(configMaps, copy, { cause: { code: 'CopyMissing', text } })];
    if (jsonEqual(existing.data, copy.data)) return [];
    return [act.update(configMaps, existing, { ...existing, ...copy }, { cause: { code: 'CopyDiffers', text } })];
  });
  const surplus = copies.filter(({ metadata }) => wanted.every((copy) => copy.metadata.name !== metadata.name));
  const cause = { code: 'OriginalGone', text: 'its original is gone, or is not to be copied any more' };
  return { actions: [...actions, ...surplus.map((copy) => act.delete(configMaps, copy, { cause }))] };
}

export default defineController({
  name: 'controller-configcopies',
  version: '1.0.0',
  description: 'copies labelled ConfigMaps into all namespaces',
  component: 'configcopies-controller',
  subject: namespaces,
  inputs: ({ informers }) => ({
    all: informers.for(namespaces),
    maps: informers.for(configMaps, {
      indexes: {
        original: (map) => (isOriginal(map) ? 'yes' : undefined),
        copy: ({ metadata }) => (metadata.annotations?.[copyOf] === undefined ? undefined : metadata.namespace),
      },
    }),
  }),
  sources: ({ all, maps }) => [
    keysFrom(all, (namespace) => [objectKey(namespace)]),
    keysFrom(maps, (map) => (isOriginal(map) ? all.list().map(objectKey) : [map.metadata.namespace ?? ''])),
  ],
  observe: (key, { all, maps }, now) => {
    const subject = all.get(key);
    if (subject === undefined || subject.metadata.deletionTimestamp !== undefined) return undefined;
    return { ...now, subject, originals: maps.byIndex('original', 'yes'), copies: maps.byIndex('copy', key) };
  },
  reconcile,
});
