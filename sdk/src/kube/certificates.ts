/** certificates.k8s.io/v1: requests for certificates. */
import { defineResource, type Condition, type KubeObject, type ResourceType } from './meta.ts';

export interface CertificateSigningRequest extends KubeObject {
  spec: {
    /** Base64 of a PEM text. */
    request: string;
    signerName: string;
    expirationSeconds?: number;
    usages?: string[];
    /** Who asks, as the API server knows it. */
    username?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
  };
  status?: {
    conditions?: (Condition & { lastUpdateTime?: string })[];
    /** Base64 of a PEM text. */
    certificate?: string;
  };
}

export const certificateSigningRequests: ResourceType<CertificateSigningRequest> = defineResource({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  resource: 'certificatesigningrequests',
  namespaced: false,
});
