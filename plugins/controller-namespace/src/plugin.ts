import type { AnyPlugin } from '@timonel/sdk';
import { defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { namespaces, objectKey, type Namespace } from '@timonel/sdk/kube';
import { contentOf } from './content.ts';
import { explain, isTerminating, reconcile } from './reconcile.ts';

const plugin: AnyPlugin = defineController({
  name: 'controller-namespace',
  version: '0.1.0',
  description: 'Empties namespaces that are being deleted and lets them go.',
  component: 'namespace-controller',
  subject: namespaces,
  workers: 4,
  inputs: ({ informers }): Informer<Namespace> => informers.for(namespaces),
  sources: (all) => [keysFrom(all, (namespace) => (isTerminating(namespace) ? [objectKey(namespace)] : []))],
  async observe(key, all, now, { api }) {
    const subject = all.get(key);
    if (subject === undefined) return undefined;
    return { ...now, subject, content: isTerminating(subject) ? await contentOf(api, key) : [] };
  },
  // It acts while the namespace is being deleted only, which is never taken back.
  confirm: false,
  reconcile,
  explain,
});

export default plugin;
