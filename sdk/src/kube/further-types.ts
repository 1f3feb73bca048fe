/**
 * The stored types of the API that no plugin of Timonel reads the fields of as yet: for those who treat all types alike, as the
 * deletion of namespaces and garbage collection do. A type that gets a shape of its own moves to the file of its group.
 */
import {
  mutatingWebhookConfigurations,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
} from './admission.ts';
import { apiServices } from './api-registration.ts';
import { controllerRevisions, daemonSets, statefulSets } from './apps.ts';
import { horizontalPodAutoscalers } from './autoscaling.ts';
import { cronJobs, jobs } from './batch.ts';
import { certificateSigningRequests } from './certificates.ts';
import { priorityClasses, runtimeClasses } from './classes.ts';
import { customResourceDefinitions } from './extensions.ts';
import { flowSchemas, priorityLevelConfigurations } from './flowcontrol.ts';
import { defineResource, type ResourceType } from './meta.ts';
import { ingressClasses, ingresses, networkPolicies } from './networking.ts';
import { podDisruptionBudgets } from './policy.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './rbac.ts';
import { limitRanges, resourceQuotas } from './quota.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from './storage.ts';
import { replicationControllers } from './workloads.ts';

/** `group/version`, then `Kind resource` each. */
const namespaced: Readonly<Record<string, readonly string[]>> = {
  v1: ['PodTemplate podtemplates'],
  'resource.k8s.io/v1': ['ResourceClaim resourceclaims', 'ResourceClaimTemplate resourceclaimtemplates'],
};

const ofTheCluster: Readonly<Record<string, readonly string[]>> = {
  'networking.k8s.io/v1': ['IPAddress ipaddresses', 'ServiceCIDR servicecidrs'],
  'storage.k8s.io/v1': ['VolumeAttributesClass volumeattributesclasses'],
  'resource.k8s.io/v1': ['DeviceClass deviceclasses', 'ResourceSlice resourceslices'],
};

function typesOf(table: Readonly<Record<string, readonly string[]>>, isNamespaced: boolean): readonly ResourceType[] {
  const types = Object.entries(table).flatMap(([apiVersion, names]) =>
    names.map((text) => {
      const [kind = '', resource = ''] = text.split(' ');
      const [version = '', group = ''] = apiVersion.split('/').toReversed();
      return defineResource({ group, version, kind, resource, namespaced: isNamespaced });
    }),
  );
  return Object.freeze(types);
}

/** Those in namespaces, and those with shapes that are treated like them. Owners come before what they own. */
export const furtherNamespacedTypes: readonly ResourceType[] = Object.freeze([
  replicationControllers,
  statefulSets,
  daemonSets,
  cronJobs,
  jobs,
  ...typesOf(namespaced, true),
  roleBindings,
  roles,
  networkPolicies,
  ingresses,
  persistentVolumeClaims,
  csiStorageCapacities,
  horizontalPodAutoscalers,
  podDisruptionBudgets,
  controllerRevisions,
  limitRanges,
  resourceQuotas,
] as readonly ResourceType[]);

/** Those of the whole cluster. */
export const furtherClusterTypes: readonly ResourceType[] = Object.freeze([
  persistentVolumes,
  ...typesOf(ofTheCluster, false),
  apiServices,
  validatingWebhookConfigurations,
  mutatingWebhookConfigurations,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  flowSchemas,
  priorityLevelConfigurations,
  customResourceDefinitions,
  clusterRoleBindings,
  clusterRoles,
  certificateSigningRequests,
  ingressClasses,
  storageClasses,
  csiDrivers,
  csiNodes,
  volumeAttachments,
  priorityClasses,
  runtimeClasses,
] as readonly ResourceType[]);
