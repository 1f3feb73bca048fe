import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { byNamespace, informers, keysFrom, ownerIsCurrent, runController } from '@timonel/sdk/controller';
import {
  endpoints,
  endpointSlices,
  fromLabelSelector,
  matchesSelector,
  objectKey,
  pods,
  services,
  type EndpointSlice,
  type Pod,
  type Service,
} from '@timonel/sdk/kube';
import { execute } from './execute.ts';
import { managedByLabel, manager } from './legacy-endpoints.ts';
import { plan, selects, serviceNameLabel, sliceManagedByLabel, sliceManager, type Observed } from './reconcile.ts';

/** The key of the service that a slice of ours belongs to. */
function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  if (name === undefined || metadata.labels?.[sliceManagedByLabel] !== sliceManager) return [];
  return [`${metadata.namespace}/${name}`];
}

function selectsPod(service: Service, pod: Pod): boolean {
  const matchLabels = service.spec.selector ?? {};
  return selects(service) && matchesSelector(fromLabelSelector({ matchLabels }), pod.metadata.labels);
}

const plugin: AnyPlugin = definePlugin({
  name: 'controller-endpointslice',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Publishes the pods behind each Service as EndpointSlices and Endpoints.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const caches = informers(ctx, api);
    const all = caches.for(services, { indexes: { namespace: byNamespace } });
    const podInformer = caches.for(pods, { indexes: { namespace: byNamespace } });
    const slices = caches.for(endpointSlices, { indexes: { service: serviceKeys } });
    const legacy = caches.for(endpoints);
    const means = { api, slices, legacy, fieldManager: ctx.name };

    return runController({
      ctx,
      name: 'endpointslice',
      informers: caches,
      leadership: ctx.deps.leadership,
      sources: [
        keysFrom(all, (service) => [objectKey(service)]),
        keysFrom(podInformer, (pod) =>
          all
            .byIndex('namespace', pod.metadata.namespace ?? '')
            .filter((service) => selectsPod(service, pod))
            .map(objectKey),
        ),
        keysFrom(slices, serviceKeys),
        keysFrom(legacy, (object) => (object.metadata.labels?.[managedByLabel] === manager ? [objectKey(object)] : [])),
      ],
      async reconcile(key, ownWrites) {
        const service = all.get(key);
        const candidates =
          service === undefined ? [] : podInformer.byIndex('namespace', service.metadata.namespace ?? '');
        const observed: Observed = {
          service,
          pods: candidates.filter((pod) => service !== undefined && selectsPod(service, pod)),
          slices: slices.byIndex('service', key),
          endpoints: legacy.get(key),
        };
        const actions = plan(observed);
        if (actions.length > 0 && service !== undefined && !(await ownerIsCurrent(api, services, service))) return;
        await execute(means, key, actions, ownWrites);
      },
    });
  },
});

export default plugin;
