import type { AnyPlugin } from '@timonel/sdk';
import { byNamespace, byNodeName, defineController, keysFrom } from '@timonel/sdk/controller';
import {
  byNamespacedLabel,
  endpointChanged,
  isSelected,
  selectionIndexValue,
  serviceNameLabel,
  sliceManagedByLabel,
} from '@timonel/sdk/controller/endpoints';
import {
  endpointSlices,
  nodes,
  objectKey,
  pods,
  services,
  type EndpointSlice,
  type Pod,
  type Service,
} from '@timonel/sdk/kube';
import { explain } from './explain.ts';
import { hintsMode } from './hints.ts';
import { nodeChanged, nodeFacts } from './nodes.ts';
import { reconcile, sliceManager, type Observed } from './reconcile.ts';

/** The key of the service that a slice belongs to. */
function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

function isOwn({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[sliceManagedByLabel] === sliceManager;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-endpointslice',
  version: '0.1.0',
  description: 'Publishes the pods behind each Service as EndpointSlices.',
  component: 'endpoint-slice-controller',
  subject: services,
  // A service that is being deleted leads to its pods until it is gone.
  confirm: ({ subject }) => subject?.metadata.deletionTimestamp === undefined,

  inputs: ({ informers }) => ({
    services: informers.for(services, {
      indexes: {
        namespace: byNamespace,
        auto: (service) => (hintsMode(service) === 'auto' ? 'auto' : undefined),
      },
    }),
    pods: informers.for(pods, { indexes: { label: byNamespacedLabel, node: byNodeName } }),
    slices: informers.for(endpointSlices, { indexes: { service: serviceKeys } }),
    nodes: informers.for(nodes),
  }),

  sources: ({ services: all, pods: podCache, slices, nodes: nodeCache }) => {
    const servicesOf = (pod: Pod): string[] =>
      all
        .byIndex('namespace', pod.metadata.namespace ?? '')
        .filter((service) => isSelected(service, pod))
        .map(objectKey);
    return [
      keysFrom(all, (service) => [objectKey(service)]),
      keysFrom(podCache, servicesOf, endpointChanged),
      keysFrom(slices, (slice) => (isOwn(slice) ? serviceKeys(slice) : [])),
      keysFrom(
        nodeCache,
        ({ metadata }) => [
          ...podCache.byIndex('node', metadata.name ?? '').flatMap(servicesOf),
          ...all.byIndex('auto', 'auto').map(objectKey),
        ],
        nodeChanged,
      ),
    ];
  },

  observe(key, { services: all, pods: podCache, slices, nodes: nodeCache }, now): Observed | undefined {
    const subject = all.get(key);
    const every = slices.byIndex('service', key);
    const own = every.filter(isOwn);
    if (subject === undefined && own.length === 0) return undefined;
    const [namespace = ''] = key.split('/');
    const candidates = (service: Service): readonly Pod[] => podCache.byIndex('label', selectionIndexValue(service));
    return {
      ...now,
      subject,
      pods: subject === undefined ? [] : candidates(subject).filter((pod) => isSelected(subject, pod)),
      slices: own,
      node: (name) => {
        const found = nodeCache.get(name);
        return found === undefined ? undefined : nodeFacts(found);
      },
      nodes: () => nodeCache.list().map(nodeFacts),
      isTaken: (name) => slices.get(`${namespace}/${name}`) !== undefined,
      foreignEndpoints: every
        .filter((slice) => !isOwn(slice))
        .reduce((sum, { endpoints }) => sum + (endpoints?.length ?? 0), 0),
    };
  },
  reconcile,
  explain,
});

export default plugin;
