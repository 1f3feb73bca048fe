import type { ClusterSettings, ProfileEntry } from './profile.ts';

/** Store, API, scheduler and controllers: what every profile with a control plane has. */
export function controlPlane(settings: ClusterSettings): readonly ProfileEntry[] {
  return [
    { plugin: 'store-raft' },
    { plugin: 'auth-token' },
    { plugin: 'auth-serviceaccount' },
    { plugin: 'apiserver', config: { listen: { address: settings.address, port: settings.port } } },
    { plugin: 'api-resources' },
    { plugin: 'api-kernel' },
    { plugin: 'api-store' },
    { plugin: 'api-why' },
    { plugin: 'admission-namespace' },
    { plugin: 'service-allocator', config: { clusterIpRange: settings.serviceCidr } },
    // Without pools it gives nothing, and says so.
    { plugin: 'loadbalancer-pool' },
    { plugin: 'scheduler-host' },
    { plugin: 'scheduler-default' },
    { plugin: 'controller-replicaset' },
    { plugin: 'controller-replicationcontroller' },
    { plugin: 'controller-deployment' },
    { plugin: 'controller-statefulset' },
    { plugin: 'controller-daemonset' },
    { plugin: 'controller-endpointslice' },
    { plugin: 'controller-endpoints' },
    { plugin: 'controller-endpointslicemirroring' },
    { plugin: 'controller-namespace' },
    { plugin: 'controller-gc' },
    { plugin: 'controller-job' },
    { plugin: 'controller-ttlafterfinished' },
    { plugin: 'controller-cronjob' },
    { plugin: 'controller-horizontalpodautoscaler' },
    { plugin: 'controller-nodelifecycle' },
    { plugin: 'controller-taintmanager' },
    { plugin: 'controller-podgc' },
    { plugin: 'controller-disruption' },
    { plugin: 'metrics-prometheus' },
    { plugin: 'metrics-resource' },
    { plugin: 'metrics-custom' },
  ];
}
