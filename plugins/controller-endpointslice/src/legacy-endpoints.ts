/** The core/v1 Endpoints object of a service: what `kubectl get endpoints` and older clients read. */
import { jsonEqual } from '@timonel/sdk/controller';
import type { Endpoints, Pod, Service } from '@timonel/sdk/kube';
import { addressOf, groupByPorts, hasEndpoints, hostnameOf, isReady, podReference } from './endpoints.ts';

export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const manager = 'endpoint-controller';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** As in Kubernetes: clients that need more read EndpointSlices. */
const addressLimit = 1000;

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

function addressesOf(service: Service, pods: readonly Pod[], family: string): Address[] {
  return pods
    .flatMap((pod) => {
      const ip = addressOf(pod, family);
      if (ip === undefined) return [];
      const hostname = hostnameOf(service, pod);
      const nodeName = pod.spec.nodeName;
      return [
        {
          ip,
          ...(hostname === undefined ? {} : { hostname }),
          ...(nodeName === undefined ? {} : { nodeName }),
          targetRef: podReference(pod),
        },
      ];
    })
    .sort((a, b) => (a.ip < b.ip ? -1 : 1));
}

/** The object as it should be, on top of the one that exists. */
export function desiredEndpoints(service: Service, pods: readonly Pod[], existing: Endpoints | undefined): Endpoints {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  const included = pods.filter(
    (pod) => hasEndpoints(pod) && (publishAll || pod.metadata.deletionTimestamp === undefined),
  );
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4';
  const { name, namespace, labels, uid: _ } = service.metadata;
  const overCapacity = included.length > addressLimit;
  const subsets = groupByPorts(service, overCapacity ? included.slice(0, addressLimit) : included).map(
    (group): Subset => {
      const ready = addressesOf(
        service,
        group.pods.filter((pod) => publishAll || isReady(pod)),
        family,
      );
      const notReady = addressesOf(
        service,
        group.pods.filter((pod) => !publishAll && !isReady(pod)),
        family,
      );
      return {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ...(group.ports.length === 0
          ? {}
          : {
              ports: group.ports.map(({ name: portName = '', protocol = 'TCP', port = 0 }) => ({
                ...(portName === '' ? {} : { name: portName }),
                port,
                protocol,
              })),
            }),
      };
    },
  );
  const { [overCapacityAnnotation]: __, ...annotations } = existing?.metadata.annotations ?? {};
  if (overCapacity) annotations[overCapacityAnnotation] = 'truncated';
  return {
    metadata: {
      ...existing?.metadata,
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...labels,
        [managedByLabel]: manager,
        ...(service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {}),
      },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}

export function endpointsDiffer(existing: Endpoints, desired: Endpoints): boolean {
  return (
    !jsonEqual(existing.subsets ?? [], desired.subsets ?? []) ||
    !jsonEqual(existing.metadata.labels, desired.metadata.labels) ||
    !jsonEqual(existing.metadata.annotations ?? {}, desired.metadata.annotations ?? {})
  );
}
