/** Roles for parts of clusters and for what users add to them, under the names that they have in Kubernetes. */
import { read, rule } from './rule.ts';
import type { DefaultRole } from './user-roles.ts';

const csr = 'certificates.k8s.io';
const gatewayApi = 'gateway.networking.k8s.io';
const events = rule('create patch update', 'core events.k8s.io', 'events');

function csrRole(name: string, resource: string): DefaultRole {
  return {
    name: `system:certificates.k8s.io:certificatesigningrequests:${name}`,
    rules: [rule('create', csr, resource)],
  };
}

function approverRole(signer: string): DefaultRole {
  const name = `system:certificates.k8s.io:${signer}-approver`;
  return { name, rules: [rule('approve', csr, 'signers', `kubernetes.io/${signer}`)] };
}

export const systemRoles: readonly DefaultRole[] = [
  {
    name: 'system:auth-delegator',
    rules: [
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      rule(read, 'core', 'nodes'),
      rule('proxy', 'core', 'nodes'),
      rule(
        '*',
        'core',
        'nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/spec nodes/stats',
      ),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [rule(`create ${read}`, csr, 'certificatesigningrequests')],
  },
  {
    name: 'system:node-problem-detector',
    rules: [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), events],
  },
  {
    name: 'system:node-proxier',
    rules: [
      rule('list watch', 'core', 'services endpoints'),
      rule(read, 'core', 'nodes'),
      rule('list watch', 'discovery.k8s.io', 'endpointslices'),
      rule('list watch', 'networking.k8s.io', 'servicecidrs'),
      events,
    ],
  },
  {
    name: 'system:kube-dns',
    rules: [rule('list watch', 'core', 'endpoints services')],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      rule(`create delete ${read}`, 'core', 'persistentvolumes'),
      rule(`${read} update`, 'core', 'persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
      rule('watch', 'core', 'events'),
      rule('create patch update', 'core', 'events'),
    ],
  },
  {
    name: 'system:volume-scheduler',
    rules: [
      rule(`${read} patch update`, 'core', 'persistentvolumes persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
    ],
  },
  {
    name: 'system:kube-scheduler',
    rules: [
      events,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule(`${read} update`, 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      rule(read, 'core', 'nodes namespaces persistentvolumeclaims persistentvolumes replicationcontrollers services'),
      rule(`delete ${read}`, 'core', 'pods'),
      rule('create', 'core', 'bindings pods/binding'),
      rule('patch update', 'core', 'pods/status'),
      rule(read, 'apps', 'replicasets statefulsets'),
      rule(read, 'policy', 'poddisruptionbudgets'),
      rule(read, 'storage.k8s.io', 'csidrivers csinodes csistoragecapacities storageclasses volumeattachments'),
      rule(read, 'resource.k8s.io', 'deviceclasses resourceclaims resourceslices'),
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      {
        verbs: ['get'],
        nonResourceURLs: [
          '/.well-known/openid-configuration',
          '/.well-known/openid-configuration/',
          '/openid/v1/jwks',
          '/openid/v1/jwks/',
        ],
      },
    ],
  },
  // Of nodes that serve Ingresses. Bound to nobody: whoever has it reads every Secret.
  {
    name: 'system:timonel:ingress-haproxy',
    rules: [
      rule(read, 'networking.k8s.io', 'ingresses ingressclasses'),
      rule('create', 'networking.k8s.io', 'ingressclasses'),
      rule('patch', 'networking.k8s.io', 'ingresses/status'),
      rule('list watch', 'core', 'secrets'),
    ],
  },
  {
    name: 'system:timonel:ingress-haproxy-gateways',
    rules: [
      rule('create get', 'apiextensions.k8s.io', 'customresourcedefinitions'),
      rule(read, gatewayApi, 'gatewayclasses gateways httproutes grpcroutes referencegrants'),
      rule('create', gatewayApi, 'gatewayclasses'),
      rule('update', gatewayApi, 'gatewayclasses/status gateways/status httproutes/status grpcroutes/status'),
    ],
  },
  csrRole('nodeclient', 'certificatesigningrequests/nodeclient'),
  csrRole('selfnodeclient', 'certificatesigningrequests/selfnodeclient'),
  approverRole('kube-apiserver-client'),
  approverRole('kube-apiserver-client-kubelet'),
  approverRole('kubelet-serving'),
  approverRole('legacy-unknown'),
];
