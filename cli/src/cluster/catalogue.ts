/** The plugins that ship with Timonel: one line each. Which of them run is a matter of profiles. */
import type { AnyPlugin } from '@timonel/sdk';

type Loader = () => Promise<{ default: AnyPlugin }>;

export const catalogue: Readonly<Record<string, Loader>> = {
  'store-raft': () => import('@timonel/plugin-store-raft'),
  'store-etcd': () => import('@timonel/plugin-store-etcd'),
  'store-memory': () => import('@timonel/plugin-store-memory'),
  'auth-token': () => import('@timonel/plugin-auth-token'),
  apiserver: () => import('@timonel/plugin-apiserver'),
  'api-resources': () => import('@timonel/plugin-api-resources'),
  'api-kernel': () => import('@timonel/plugin-api-kernel'),
  'admission-namespace': () => import('@timonel/plugin-admission-namespace'),
  'service-allocator': () => import('@timonel/plugin-service-allocator'),
  'scheduler-host': () => import('@timonel/plugin-scheduler-host'),
  'scheduler-default': () => import('@timonel/plugin-scheduler-default'),
  'scheduler-binpack': () => import('@timonel/plugin-scheduler-binpack'),
  'controller-replicaset': () => import('@timonel/plugin-controller-replicaset'),
  'controller-deployment': () => import('@timonel/plugin-controller-deployment'),
  'controller-endpointslice': () => import('@timonel/plugin-controller-endpointslice'),
  'controller-namespace': () => import('@timonel/plugin-controller-namespace'),
  'controller-gc': () => import('@timonel/plugin-controller-gc'),
  'leader-election': () => import('@timonel/plugin-leader-election'),
  'node-agent': () => import('@timonel/plugin-node-agent'),
  'api-client-https': () => import('@timonel/plugin-api-client-https'),
  'node-server': () => import('@timonel/plugin-node-server'),
  'node-remote': () => import('@timonel/plugin-node-remote'),
  'images-local': () => import('@timonel/plugin-images-local'),
  'runtime-linux': () => import('@timonel/plugin-runtime-linux'),
  'runtime-process': () => import('@timonel/plugin-runtime-process'),
  'runtime-fake': () => import('@timonel/plugin-runtime-fake'),
  'network-bridge': () => import('@timonel/plugin-network-bridge'),
  'network-loopback': () => import('@timonel/plugin-network-loopback'),
  'proxy-nftables': () => import('@timonel/plugin-proxy-nftables'),
  'proxy-userspace': () => import('@timonel/plugin-proxy-userspace'),
};
