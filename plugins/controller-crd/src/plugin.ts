import type { AnyPlugin, Many } from '@timonel/sdk';
import { resourceProvider, type ResourceProvider } from '@timonel/sdk/contracts/api-server';
import { defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { customResourceDefinitions, typeOfDefinition, type CustomResourceDefinition } from '@timonel/sdk/kube';
import { explain, isCleaned, reconcile, status } from './reconcile.ts';
import { remainsOf } from './remains.ts';

/** Others serve the resource: these are not objects of the definition. */
function isProvided({ spec }: CustomResourceDefinition, providers: Many<ResourceProvider>): boolean {
  return providers
    .all()
    .flatMap(({ service }) => service.definitions())
    .some(({ group, resource }) => group === spec.group && resource === spec.names.plural);
}

const plugin: AnyPlugin = defineController({
  name: 'controller-crd',
  version: '0.1.0',
  description: 'Accepts the names of CustomResourceDefinitions, and deletes the objects of those that go.',
  component: 'crd-controller',
  subject: customResourceDefinitions,
  optional: { resources: resourceProvider },
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
  async observe(key, all, now, { api, deps }) {
    const subject = all.get(key);
    if (subject === undefined) return undefined;
    const others = all
      .list()
      .filter(({ spec, metadata }) => spec.group === subject.spec.group && metadata.name !== key);
    const isOthers = isProvided(subject, deps.resources);
    const taken = others.flatMap((other) =>
      other.status?.acceptedNames === undefined ? [] : [other.status.acceptedNames],
    );
    if (isOthers) taken.push({ plural: subject.spec.names.plural, kind: '' });
    const going = subject.metadata.deletionTimestamp !== undefined && !isCleaned(subject) && !isOthers;
    const remains = going ? await remainsOf(api, subject) : { type: typeOfDefinition(subject), objects: [] };
    return { ...now, subject, taken, remains };
  },
  confirm: ({ subject }) => subject?.metadata.deletionTimestamp === undefined,
  reconcile,
  status,
  explain,
});

export default plugin;
