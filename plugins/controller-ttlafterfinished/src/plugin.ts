import type { AnyPlugin } from '@timonel/sdk';
import { defineController, keysFrom } from '@timonel/sdk/controller';
import { jobs, objectKey } from '@timonel/sdk/kube';
import { explain, reconcile } from './reconcile.ts';

const plugin: AnyPlugin = defineController({
  name: 'controller-ttlafterfinished',
  version: '0.1.0',
  description: 'Deletes finished Jobs once their time to live is over.',
  component: 'ttl-after-finished-controller',
  subject: jobs,
  inputs: ({ informers }) => informers.for(jobs),
  sources: (cache) => [keysFrom(cache, (job) => [objectKey(job)])],
  observe(key, cache, now) {
    const subject = cache.get(key);
    return subject === undefined ? undefined : { ...now, subject };
  },
  reconcile,
  explain,
});

export default plugin;
