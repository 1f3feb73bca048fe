import { behaviour, type Line } from './behaviour.ts';

export const network: readonly Line[] = [
  {
    title: 'network: kubernetes.default',
    behaviours: [
      behaviour(1, 'found when the services of all namespaces are listed', /all namespaces/i),
      behaviour(2, 'its Endpoints and EndpointSlice lead to every API server', /endpoints/i),
    ],
  },
  {
    title: 'network: Endpoints and EndpointSlices',
    behaviours: [
      behaviour(1, 'for pods that match', /match/i),
      behaviour(1, 'for a selector that matches none', /none|no pod|empty/i),
      behaviour(1, 'hand-made Endpoints are mirrored', /mirror/i),
      behaviour(1, 'life of Endpoints', /life|endpoints object|hand-made|verbs/i),
      behaviour(4, 'one port and several, changed and removed', /port/i),
      behaviour(1, 'soon enough for 100 services', /100|soon|many/i),
    ],
  },
  {
    title: 'network: DNS',
    behaviours: [
      behaviour(1, 'the names of the cluster', /API is found/),
      behaviour(2, 'services and headless ones: A and SRV records', /SRV/),
      behaviour(1, 'partial names', /partial/),
      behaviour(1, 'hostname and subdomain of pods', /hostname/),
      behaviour(1, 'ExternalName, and its change', /ExternalName/),
      behaviour(1, 'dnsConfig with the policy None', /dnsConfig/),
      behaviour(1, 'entries of /etc/hosts', /hosts file/),
    ],
  },
  {
    title: 'network: pods',
    behaviours: [
      behaviour(1, 'pod to pod over HTTP, on one node and between nodes', /^reach .* HTTP/),
      behaviour(1, 'pod to pod over UDP', /^reach .* UDP/),
      behaviour(1, 'node to pod over HTTP', /^are reached .* HTTP/),
      behaviour(1, 'node to pod over UDP', /^are reached .* UDP/),
    ],
  },
  {
    title: 'network: Services reached',
    behaviours: [
      behaviour(1, 'ClusterIP and NodePort', /by pods and at the node port/),
      behaviour(2, 'ExternalName becomes ClusterIP, NodePort', /from ExternalName to/),
      behaviour(2, 'ClusterIP, NodePort become ExternalName: addresses and ports are free again', /to ExternalName$/),
      behaviour(2, 'affinity of clients, at both', /affinity of clients/),
      behaviour(2, 'affinity that is switched, at both', /affinity that is switched/),
      behaviour(1, 'TCP and UDP at one port', /TCP and by UDP/),
      behaviour(2, 'several EndpointSlices of a service without a selector', /several slices/),
    ],
  },
  {
    title: 'network: proxies of the API server',
    behaviours: [
      behaviour(1, 'to a pod and a service, by paths and named ports', /paths/),
      behaviour(2, 'all HTTP methods, answers and redirects, with and without a path', /method/),
    ],
  },
  { title: 'network: hostPort', behaviours: [behaviour(1, 'no conflict across addresses and protocols', /./)] },
];

export const networkKinds: Line = {
  title: 'network: kinds of the API',
  behaviours: [
    behaviour(1, 'EndpointSlice: all verbs', /^EndpointSlice/),
    behaviour(1, 'Ingress: all verbs and the status', /^Ingress has/),
    behaviour(1, 'IngressClass: all verbs', /^IngressClass/),
    behaviour(1, 'ServiceCIDR: all verbs and the status', /^ServiceCIDR/),
    behaviour(1, 'IPAddress: all verbs', /^IPAddress/),
    behaviour(1, 'the status of a Service', /^a Service has a status/),
    behaviour(1, 'deletion of a collection of Services', /^Services are deleted/),
  ],
};
