/** What a node may write of the objects that its rights lead to: its own, and in its own matters. Source: Kubernetes' NodeRestriction. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionContext, AdmissionObject } from '@timonel/sdk/contracts/api-server';
import type { NodeGraph } from '../node-graph.ts';
import { claimProblem, capacityProblem, storageClassProblem, volumeProblem } from './local-volumes.ts';
import { nodeProblem } from './node-object.ts';
import { podProblem } from './pods.ts';
import { tokenProblem } from './tokens.ts';

export interface RestrictionParts {
  readonly graph: NodeGraph;
  readonly api: ApiClient;
  readonly env: Env;
}

export interface NodeWrite {
  readonly node: string;
  readonly object: AdmissionObject;
  readonly old: AdmissionObject | undefined;
  readonly context: AdmissionContext;
  readonly parts: RestrictionParts;
}

/** Why the node may not write this; undefined: it may. */
type Check = (write: NodeWrite) => string | undefined | Promise<string | undefined>;

const ownName =
  (what: string): Check =>
  ({ node, object }) =>
    object.metadata.name === node ? undefined : `can only access ${what} with the same name as the requesting node`;

/** Where the leases of nodes are: a node makes it when it is gone. */
const leaseNamespace = 'kube-node-lease';

const ownLease: Check = (write) =>
  write.context.namespace === leaseNamespace
    ? ownName('node lease')(write)
    : `can only access leases in the "${leaseNamespace}" system namespace`;

const namespaceOfLeases: Check = ({ object, context }) =>
  context.operation === 'CREATE' && object.metadata.name === leaseNamespace
    ? undefined
    : `can only create the namespace ${leaseNamespace}`;

const ownSlice: Check = ({ node, object }) =>
  (object as { spec?: { nodeName?: string } }).spec?.nodeName === node
    ? undefined
    : 'can only create a ResourceSlice of the requesting node';

/** By `group/resource`. */
const checks: Readonly<Record<string, Check>> = {
  '/nodes': nodeProblem,
  '/namespaces': namespaceOfLeases,
  '/pods': podProblem,
  '/serviceaccounts': tokenProblem,
  '/persistentvolumes': volumeProblem,
  '/persistentvolumeclaims': claimProblem,
  'storage.k8s.io/storageclasses': storageClassProblem,
  'storage.k8s.io/csistoragecapacities': capacityProblem,
  'storage.k8s.io/csinodes': ownName('CSINode'),
  'coordination.k8s.io/leases': ownLease,
  'resource.k8s.io/resourceslices': ownSlice,
};

export async function restrictionProblem(
  node: string,
  object: AdmissionObject,
  context: AdmissionContext,
  parts: RestrictionParts,
): Promise<string | undefined> {
  const key = `${context.group}/${context.resource}`;
  if (!Object.hasOwn(checks, key)) return undefined;
  const problem = await checks[key]?.({
    node,
    object,
    old: context.oldObject as AdmissionObject | undefined,
    context,
    parts,
  });
  return problem === undefined ? undefined : `node ${JSON.stringify(node)} ${problem}`;
}
