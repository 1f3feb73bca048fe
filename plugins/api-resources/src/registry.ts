import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { mutatingAdmissionPolicyKinds } from './admissionregistration/mutating-policies.ts';
import {
  validatingAdmissionPolicyBindingKind,
  validatingAdmissionPolicyKind,
} from './admissionregistration/validating-policies.ts';
import {
  mutatingWebhookConfigurationKind,
  validatingWebhookConfigurationKind,
} from './admissionregistration/webhook-configurations.ts';
import { apiServiceKind } from './apiregistration/apiservices.ts';
import { controllerRevisionKind } from './apps/controllerrevisions.ts';
import { daemonSetKind } from './apps/daemonsets.ts';
import { deploymentKind } from './apps/deployments.ts';
import { replicaSetKind } from './apps/replicasets.ts';
import { statefulSetKind } from './apps/statefulsets.ts';
import { horizontalPodAutoscalerKind, horizontalPodAutoscalerV1Kind } from './autoscaling/horizontalpodautoscalers.ts';
import { cronJobKind } from './batch/cronjobs.ts';
import { jobKind } from './batch/jobs.ts';
import { certificateSigningRequestKind } from './certificates/certificatesigningrequests.ts';
import { leaseKind } from './coordination/leases.ts';
import { bindingKind } from './core/bindings.ts';
import { componentStatusKind } from './core/componentstatuses.ts';
import { configMapKind } from './core/configmaps.ts';
import { endpointsKind } from './core/endpoints.ts';
import { eventKind } from './core/events.ts';
import { limitRangeKind } from './core/limitranges.ts';
import { namespaceKind } from './core/namespaces.ts';
import { nodeKind } from './core/nodes.ts';
import { persistentVolumeClaimKind } from './core/persistentvolumeclaims.ts';
import { persistentVolumeKind } from './core/persistentvolumes.ts';
import { podKind } from './core/pods.ts';
import { podTemplateKind } from './core/podtemplates.ts';
import { replicationControllerKind } from './core/replicationcontrollers.ts';
import { resourceQuotaKind } from './core/resourcequotas.ts';
import { secretKind } from './core/secrets.ts';
import { serviceAccountKind } from './core/serviceaccounts.ts';
import { serviceKind } from './core/services.ts';
import { endpointSliceKind } from './discovery/endpointslices.ts';
import { eventV1Kind } from './events/events.ts';
import { flowSchemaKind } from './flowcontrol/flowschemas.ts';
import { priorityLevelConfigurationKind } from './flowcontrol/prioritylevelconfigurations.ts';
import { ingressClassKind } from './networking/ingressclasses.ts';
import { ingressKind } from './networking/ingresses.ts';
import { ipAddressKind } from './networking/ipaddresses.ts';
import { networkPolicyKind } from './networking/networkpolicies.ts';
import { serviceCidrKind } from './networking/servicecidrs.ts';
import { runtimeClassKind } from './node/runtimeclasses.ts';
import { podConnections, podSubresources, type SubresourceServices } from './pod/subresources.ts';
import { podDisruptionBudgetKind } from './policy/poddisruptionbudgets.ts';
import { nodeProxyHandler } from './proxy/node-proxy.ts';
import { serviceProxyHandler } from './proxy/service-proxy.ts';
import { clusterRoleBindingKind, roleBindingKind } from './rbac/rolebindings.ts';
import { clusterRoleKind, roleKind } from './rbac/roles.ts';
import { deviceClassKind } from './resource/deviceclasses.ts';
import { resourceClaimKind, resourceClaimTemplateKind } from './resource/resourceclaims.ts';
import { resourceSliceKind } from './resource/resourceslices.ts';
import { selfSubjectReviewKind, tokenReviewKind } from './reviews/authentication.ts';
import { accessReviewKinds } from './reviews/authorization.ts';
import { priorityClassKind } from './scheduling/priorityclasses.ts';
import { csiDriverKind } from './storage/csidrivers.ts';
import { csiNodeKind } from './storage/csinodes.ts';
import { csiStorageCapacityKind } from './storage/csistoragecapacities.ts';
import { storageClassKind } from './storage/storageclasses.ts';
import { volumeAttachmentKind } from './storage/volumeattachments.ts';
import { volumeAttributesClassKind } from './storage/volumeattributesclasses.ts';

const workloadKinds = [
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
  daemonSetKind,
  controllerRevisionKind,
  jobKind,
  cronJobKind,
  horizontalPodAutoscalerKind,
  horizontalPodAutoscalerV1Kind,
  podDisruptionBudgetKind,
] as const;

const networkKinds = [
  endpointSliceKind,
  ingressKind,
  ingressClassKind,
  networkPolicyKind,
  ipAddressKind,
  serviceCidrKind,
] as const;

const storageKinds = [
  storageClassKind,
  volumeAttachmentKind,
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  volumeAttributesClassKind,
] as const;

const deviceKinds = [deviceClassKind, resourceClaimKind, resourceClaimTemplateKind, resourceSliceKind] as const;

const clusterKinds = [
  leaseKind,
  eventV1Kind,
  priorityClassKind,
  runtimeClassKind,
  roleKind,
  roleBindingKind,
  clusterRoleKind,
  clusterRoleBindingKind,
  validatingWebhookConfigurationKind,
  mutatingWebhookConfigurationKind,
  validatingAdmissionPolicyKind,
  validatingAdmissionPolicyBindingKind,
  ...mutatingAdmissionPolicyKinds,
  apiServiceKind,
  flowSchemaKind,
  priorityLevelConfigurationKind,
] as const;

function coreKinds(services: SubresourceServices): ResourceDefinition[] {
  return [
    { ...podKind(podSubresources(services)), connections: podConnections(services) },
    { ...nodeKind, connections: { proxy: nodeProxyHandler(services) } },
    namespaceKind,
    { ...serviceKind, connections: { proxy: serviceProxyHandler(services) } },
    endpointsKind,
    configMapKind,
    secretKind,
    serviceAccountKind({ tokens: services.tokens, clock: services.env.clock }),
    eventKind,
    replicationControllerKind,
    podTemplateKind,
    limitRangeKind,
    resourceQuotaKind,
    persistentVolumeKind(services.env.clock),
    persistentVolumeClaimKind,
    bindingKind,
    componentStatusKind,
  ];
}

/** Every built-in kind. */
export function builtInKinds(services: SubresourceServices): readonly ResourceDefinition[] {
  const { clock } = services.env;
  return Object.freeze([
    ...coreKinds(services),
    ...workloadKinds,
    ...networkKinds,
    ...storageKinds,
    ...deviceKinds,
    ...clusterKinds,
    certificateSigningRequestKind(clock),
    tokenReviewKind(() => services.tokens()?.defaultAudiences() ?? []),
    selfSubjectReviewKind(clock),
    ...accessReviewKinds,
  ]);
}
