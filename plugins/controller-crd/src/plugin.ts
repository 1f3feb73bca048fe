import { errorMessage, type AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import {
  customResourceDefinitions,
  isDefinitionCondition,
  isNotFound,
  typeOfDefinition,
  type CustomResourceDefinition,
} from '@timonel/sdk/kube';
import { explain, isCleaned, reconcile, status, type Remains } from './reconcile.ts';

/** So many objects are looked at and deleted in one pass; the next pass goes on. */
const pageLimit = 1000;

/** By a linearizable list, not a cache: nothing may be left behind. */
async function remainsOf(api: ApiClient, definition: CustomResourceDefinition): Promise<Remains | { unknown: string }> {
  const type = typeOfDefinition(definition);
  // Nothing was ever served, or whoever served it does so no more.
  if (!isDefinitionCondition(definition, 'Established')) return { type, objects: [] };
  try {
    return { type, objects: (await api.list(type, { limit: pageLimit })).items };
  } catch (error) {
    if (isNotFound(error)) return { type, objects: [] };
    return { unknown: errorMessage(error) };
  }
}

const plugin: AnyPlugin = defineController({
  name: 'controller-crd',
  version: '0.1.0',
  description: 'Accepts the names of CustomResourceDefinitions, and deletes the objects of those that go.',
  component: 'crd-controller',
  subject: customResourceDefinitions,
  workers: 4,
  inputs: ({ informers }): Informer<CustomResourceDefinition> => informers.for(customResourceDefinitions),
  // A name that is given up may be what another of the group waits for.
  sources: (all) => [
    keysFrom(all, (definition) =>
      all
        .list()
        .filter(({ spec }) => spec.group === definition.spec.group)
        .map(({ metadata }) => metadata.name ?? '')
        .concat(definition.metadata.name ?? ''),
    ),
  ],
  async observe(key, all, now, { api }) {
    const subject = all.get(key);
    if (subject === undefined) return undefined;
    const others = all
      .list()
      .filter(({ spec, metadata }) => spec.group === subject.spec.group && metadata.name !== key);
    const taken = others.flatMap((other) =>
      other.status?.acceptedNames === undefined ? [] : [other.status.acceptedNames],
    );
    const going = subject.metadata.deletionTimestamp !== undefined && !isCleaned(subject);
    const remains = going ? await remainsOf(api, subject) : { type: typeOfDefinition(subject), objects: [] };
    return { ...now, subject, taken, remains };
  },
  confirm: ({ subject }) => subject?.metadata.deletionTimestamp === undefined,
  reconcile,
  status,
  explain,
});

export default plugin;
