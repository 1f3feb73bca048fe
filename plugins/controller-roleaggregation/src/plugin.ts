import type { AnyPlugin } from '@timonel/sdk';
import { defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { clusterRoles, type ClusterRole } from '@timonel/sdk/kube';
import { explain, isAggregating, reconcile } from './reconcile.ts';

const aggregating = 'aggregating';

interface Inputs {
  readonly roles: Informer<ClusterRole>;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-roleaggregation',
  version: '0.1.0',
  description: 'Gives cluster roles with an aggregation rule the rules of the cluster roles that it selects.',
  component: 'clusterrole-aggregation-controller',
  subject: clusterRoles,
  inputs: ({ informers }): Inputs => ({
    roles: informers.for(clusterRoles, {
      indexes: { [aggregating]: (role) => (isAggregating(role) ? [aggregating] : []) },
    }),
  }),
  sources: ({ roles }) => [
    keysFrom(roles, () => roles.byIndex(aggregating, aggregating).map(({ metadata }) => metadata.name ?? '')),
  ],
  observe(key, { roles }, now) {
    const subject = roles.get(key);
    return subject === undefined ? undefined : { ...now, subject, all: roles.list() };
  },
  reconcile,
  explain,
});

export default plugin;
