/** Makes the default roles and bindings at start, and completes those that are there. */
import { keepDefaultObjects, type DefaultObjectsParts } from '@timonel/sdk/controller';
import { clusterRoleBindings, clusterRoles, roles } from '@timonel/sdk/kube';
import {
  completedBinding,
  completedRole,
  defaultClusterRoleBindings,
  defaultClusterRoles,
  defaultRoles,
} from './default-objects.ts';

/** Resolves when those of the cluster are there. */
export async function keepDefaults(given: Omit<DefaultObjectsParts, 'fieldManager'>): Promise<void> {
  const parts = { ...given, fieldManager: 'authz-rbac' };
  await keepDefaultObjects(parts, { type: clusterRoles, wanted: defaultClusterRoles, completed: completedRole });
  await keepDefaultObjects(parts, {
    type: clusterRoleBindings,
    wanted: defaultClusterRoleBindings,
    completed: completedBinding,
  });
  void keepDefaultObjects(parts, { type: roles, wanted: defaultRoles, completed: completedRole }).catch(
    () => undefined,
  );
}
