import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { nodeNameOfSubject, nodesGroup } from '@timonel/sdk/pki';

/** Whether the user belongs to the group of nodes, with a name of a node or without. */
export function isOfNodes({ groups }: UserInfo): boolean {
  return groups.includes(nodesGroup);
}

/** The node that the user is; undefined: none. */
export function nodeNameOf({ username, groups }: UserInfo): string | undefined {
  return nodeNameOfSubject({ commonName: username, organizations: groups });
}
