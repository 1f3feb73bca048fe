import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { deploymentKind } from './apps/deployments.ts';
import { replicaSetKind } from './apps/replicasets.ts';
import { leaseKind } from './coordination/leases.ts';
import { configMapKind } from './core/configmaps.ts';
import { endpointsKind } from './core/endpoints.ts';
import { eventKind } from './core/events.ts';
import { namespaceKind } from './core/namespaces.ts';
import { nodeKind } from './core/nodes.ts';
import { podKind } from './core/pods.ts';
import { secretKind } from './core/secrets.ts';
import { serviceAccountKind } from './core/serviceaccounts.ts';
import { serviceKind } from './core/services.ts';
import { endpointSliceKind } from './discovery/endpointslices.ts';
import { podSubresources, type SubresourceServices } from './pod/subresources.ts';

/** Every built-in kind. */
export function builtInKinds(services: SubresourceServices): readonly ResourceDefinition[] {
  return Object.freeze([
    podKind(podSubresources(services)),
    nodeKind,
    namespaceKind,
    serviceKind,
    endpointsKind,
    configMapKind,
    secretKind,
    serviceAccountKind,
    eventKind,
    deploymentKind,
    replicaSetKind,
    endpointSliceKind,
    leaseKind,
  ]);
}
