import type { AnyPlugin } from '@timonel/sdk';
import { defineController, keysFrom } from '@timonel/sdk/controller';
import { serviceNameLabel, sliceManagedByLabel } from '@timonel/sdk/controller/endpoints';
import { endpoints, endpointSlices, objectKey, services, type EndpointSlice } from '@timonel/sdk/kube';
import { explain, isMirrored, reconcile, sliceManager, type Observed } from './reconcile.ts';

/** The key of the Endpoints that a slice mirrors. */
function endpointsKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  if (name === undefined || metadata.labels?.[sliceManagedByLabel] !== sliceManager) return [];
  return [`${metadata.namespace}/${name}`];
}

const plugin: AnyPlugin = defineController({
  name: 'controller-endpointslicemirroring',
  version: '0.1.0',
  description: 'Mirrors hand-made Endpoints of Services without selector as EndpointSlices.',
  component: 'endpoint-slice-mirroring-controller',
  subject: endpoints,

  inputs: ({ informers }) => ({
    endpoints: informers.for(endpoints),
    services: informers.for(services),
    slices: informers.for(endpointSlices, { indexes: { mirrored: endpointsKeys } }),
  }),

  sources: ({ endpoints: all, services: serviceCache, slices }) => [
    keysFrom(all, (object) => [objectKey(object)]),
    keysFrom(
      serviceCache,
      (service) => [objectKey(service)],
      (before, after) => JSON.stringify(before.spec.selector) !== JSON.stringify(after.spec.selector),
    ),
    keysFrom(slices, endpointsKeys),
  ],

  observe(key, { endpoints: all, services: serviceCache, slices }, now): Observed | undefined {
    const subject = all.get(key);
    const service = serviceCache.get(key);
    const own = slices.byIndex('mirrored', key);
    if (subject === undefined && own.length === 0) return undefined;
    const [namespace = ''] = key.split('/');
    return {
      ...now,
      subject,
      service,
      slices: own,
      isTaken: (name) => slices.get(`${namespace}/${name}`) !== undefined,
    };
  },
  reconcile,
  explain,
  // What is removed because the Endpoints are being deleted needs no proof that they are.
  confirm: ({ subject, service }) => subject !== undefined && isMirrored(subject, service),
});

export default plugin;
