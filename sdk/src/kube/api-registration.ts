/** apiregistration.k8s.io/v1: who serves a group and version of the API. */
import { defineResource, type Condition, type KubeObject, type ResourceType } from './meta.ts';

/** Source: apiregistration/v1 APIService. */
export interface ApiService extends KubeObject {
  spec?: {
    group?: string;
    version?: string;
    /** Absent: the API server itself. */
    service?: { namespace?: string; name?: string; port?: number };
    /** PEM in base64. */
    caBundle?: string;
    insecureSkipTLSVerify?: boolean;
    groupPriorityMinimum: number;
    versionPriority: number;
  };
  status?: { conditions?: Condition[] };
}

export const apiServices: ResourceType<ApiService> = defineResource<ApiService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  resource: 'apiservices',
  namespaced: false,
});
