/** Whom bindings name, as keys. */
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { RbacSubject, RoleBinding } from '@timonel/sdk/kube';

function keyOfSubject({ kind, name, namespace = '' }: RbacSubject, bindingNamespace: string): string | undefined {
  switch (kind) {
    case 'User':
      return `user ${name}`;
    case 'Group':
      return `group ${name}`;
    case 'ServiceAccount':
      return `user system:serviceaccount:${namespace === '' ? bindingNamespace : namespace}:${name}`;
    default:
      return undefined;
  }
}

/** Whom the binding grants its role. */
export function subjectKeys({ metadata, subjects = [] }: RoleBinding): string[] {
  const keys = subjects.map((subject) => keyOfSubject(subject, metadata.namespace ?? ''));
  return [...new Set(keys.filter((key) => key !== undefined))];
}

/** Under which keys bindings name the user. */
export function userKeys({ username, groups }: UserInfo): string[] {
  return [`user ${username}`, ...groups.map((group) => `group ${group}`)];
}
