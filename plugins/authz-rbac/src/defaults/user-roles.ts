/** Roles for users, as in Kubernetes: admin, edit and view are put together from the roles that are labelled for them. */
import type { PolicyRule } from '@timonel/sdk/kube';
import { paths, read, rule, write } from './rule.ts';

export interface DefaultRole {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Label of the roles whose rules it has. */
  readonly aggregates?: string;
}

const aggregation = (role: string): string => `rbac.authorization.k8s.io/aggregate-to-${role}`;
const aggregatedTo = (role: string): Readonly<Record<string, string>> => ({ [aggregation(role)]: 'true' });

const workloads =
  'daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';

const viewRules: readonly PolicyRule[] = [
  rule(
    read,
    'core',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
  ),
  rule(
    read,
    'core',
    'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
  ),
  rule(read, 'core', 'namespaces'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(
    read,
    'apps',
    `controllerrevisions daemonsets/status deployments/status replicasets/status statefulsets/status ${workloads}`,
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(read, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  rule(read, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
];

const editRules: readonly PolicyRule[] = [
  rule(read, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule('impersonate', 'core', 'serviceaccounts'),
  rule(write, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy pods/resize'),
  rule('create', 'core', 'pods/eviction'),
  rule(
    write,
    'core',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ),
  rule('create', 'core', 'serviceaccounts/token'),
  rule(write, 'apps', `deployments/rollback ${workloads}`),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs jobs'),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule(write, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
  rule(`${read} ${write}`, 'coordination.k8s.io', 'leases'),
];

const adminRules: readonly PolicyRule[] = [
  rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(`${read} ${write}`, 'rbac.authorization.k8s.io', 'roles rolebindings'),
];

const publicPaths = '/healthz /livez /readyz /version /version/';

export const userRoles: readonly DefaultRole[] = [
  { name: 'cluster-admin', rules: [rule('*', '*', '*'), paths('*', '*')] },
  {
    name: 'system:discovery',
    rules: [paths('get', `/api /api/* /apis /apis/* /openapi /openapi/* ${publicPaths}`)],
  },
  { name: 'system:public-info-viewer', rules: [paths('get', publicPaths)] },
  {
    name: 'system:basic-user',
    rules: [
      rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  {
    name: 'system:monitoring',
    rules: [paths('get', '/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*')],
  },
  { name: 'admin', rules: [], aggregates: aggregation('admin') },
  { name: 'edit', rules: [], labels: aggregatedTo('admin'), aggregates: aggregation('edit') },
  { name: 'view', rules: [], labels: aggregatedTo('edit'), aggregates: aggregation('view') },
  { name: 'system:aggregate-to-admin', rules: adminRules, labels: aggregatedTo('admin') },
  { name: 'system:aggregate-to-edit', rules: editRules, labels: aggregatedTo('edit') },
  { name: 'system:aggregate-to-view', rules: viewRules, labels: aggregatedTo('view') },
  {
    name: 'system:aggregated-metrics-reader',
    rules: [rule(read, 'metrics.k8s.io', 'pods nodes')],
    labels: aggregatedTo('view'),
  },
  // Why something is as it is: no more than who sees the objects could find out.
  { name: 'timonel:aggregated-why', rules: [rule('get', 'why.timonel.dev', '*')], labels: aggregatedTo('view') },
];
