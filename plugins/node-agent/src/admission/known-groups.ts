/** Groups that pods ask for, on a node whose user was given few ids. */
import type { PodSpec } from '@timonel/sdk/kube';
import { groupIds, type IdMap } from '@timonel/sdk/linux';

/** Why the pod cannot have the groups it asks for. Undefined: it can. */
export function unknownGroupFault(
  { securityContext }: Pick<PodSpec, 'securityContext'>,
  known: IdMap = groupIds(),
): string | undefined {
  const { fsGroup, supplementalGroups = [] } = securityContext ?? {};
  const group = [...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups].find((each) => !known.has(each));
  if (group === undefined) return undefined;
  return `group ${group} is not among the ids that the user of this rootless node has: see /etc/subuid and /etc/subgid`;
}
