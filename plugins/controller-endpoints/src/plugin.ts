import type { AnyPlugin } from '@timonel/sdk';
import { byNamespace, defineController, keysFrom } from '@timonel/sdk/controller';
import { byNamespacedLabel, endpointChanged, isSelected, selectionIndexValue } from '@timonel/sdk/controller/endpoints';
import { endpoints, objectKey, pods, services } from '@timonel/sdk/kube';
import { explain, isOwn, largeFrom, reconcile, type Observed } from './reconcile.ts';

const plugin: AnyPlugin = defineController({
  name: 'controller-endpoints',
  version: '0.1.0',
  description: 'Publishes the pods behind each Service as Endpoints, for clients that do not read EndpointSlices.',
  component: 'endpoint-controller',
  subject: services,
  // A service that is being deleted leads to its pods until it is gone.
  confirm: ({ subject }) => subject?.metadata.deletionTimestamp === undefined,

  inputs: ({ informers }) => ({
    services: informers.for(services, { indexes: { namespace: byNamespace } }),
    pods: informers.for(pods, { indexes: { label: byNamespacedLabel } }),
    endpoints: informers.for(endpoints),
    /** When large ones were written last, by key. */
    written: new Map<string, number>(),
  }),

  sources: ({ services: all, pods: podCache, endpoints: cache }) => [
    keysFrom(all, (service) => [objectKey(service)]),
    keysFrom(
      podCache,
      (pod) =>
        all
          .byIndex('namespace', pod.metadata.namespace ?? '')
          .filter((service) => isSelected(service, pod))
          .map(objectKey),
      endpointChanged,
    ),
    keysFrom(cache, (object) => [objectKey(object)]),
  ],

  observe(key, { services: all, pods: podCache, endpoints: cache, written }, now): Observed | undefined {
    const subject = all.get(key);
    const existing = cache.get(key);
    if (subject === undefined && (existing === undefined || !isOwn(existing))) return undefined;
    const candidates = subject === undefined ? [] : podCache.byIndex('label', selectionIndexValue(subject));
    return {
      ...now,
      subject,
      pods: candidates.filter((pod) => subject !== undefined && isSelected(subject, pod)),
      endpoints: existing,
      writtenMs: written.get(key),
    };
  },
  reconcile,
  remember({ subject, endpoints: existing, pods: { length }, nowMs }, { answers }, { written }) {
    const of = subject ?? existing;
    if (of === undefined || answers.size === 0) return;
    written.delete(objectKey(of));
    if (length >= largeFrom) written.set(objectKey(of), nowMs);
  },
  explain,
});

export default plugin;
