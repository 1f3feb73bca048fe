/** Volumes that nodes make of their own disks: each only for claims that are to run on it, and marked as its own. */
import { inReadLimit, jsonEqual } from '@timonel/sdk/controller';
import {
  persistentVolumeClaims,
  storageClasses,
  type CsiStorageCapacity,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type StorageClass,
} from '@timonel/sdk/kube';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { isDefaultClass, selectedNode, waitsForConsumer } from '@timonel/sdk/volumes';
import type { NodeWrite } from './restriction.ts';

const provisioner = 'timonel.dev/local';
const nodeAnnotation = 'timonel.dev/node';
const hostnameLabel = 'kubernetes.io/hostname';

function isOwn(object: unknown, node: string): boolean {
  const { metadata, spec } = object as PersistentVolume & { spec?: { local?: unknown } };
  return metadata.annotations?.[nodeAnnotation] === node && spec?.local !== undefined;
}

/** Anything else would let a node have others use paths of theirs. */
function isOnItself({ spec }: PersistentVolume, node: string): boolean {
  const matchExpressions = [{ key: hostnameLabel, operator: 'In', values: [node] }];
  return jsonEqual(spec?.nodeAffinity, { required: { nodeSelectorTerms: [{ matchExpressions }] } });
}

async function claimOf({ parts }: NodeWrite, volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
  const { namespace, name = '' } = volume.spec?.claimRef ?? {};
  return inReadLimit(parts.env, parts.api.get(persistentVolumeClaims, { namespace, name })).catch(() => undefined);
}

export async function volumeProblem(write: NodeWrite): Promise<string | undefined> {
  const { node, object, old, context } = write;
  const volume = object as unknown as PersistentVolume;
  if (!isOwn(volume, node) || (old !== undefined && !isOwn(old, node)))
    return 'can only write local volumes of its own';
  if (context.operation !== 'CREATE') {
    const claimRef = (one: unknown): unknown => (one as PersistentVolume).spec?.claimRef;
    return jsonEqual(claimRef(object), claimRef(old)) ? undefined : 'cannot give a volume to another claim';
  }
  if (!isOnItself(volume, node)) return 'can only write volumes that are on itself';
  const claim = await claimOf(write, volume);
  return claim?.metadata.annotations?.[selectedNode] === node
    ? undefined
    : 'can only create volumes for claims whose selected node is itself';
}

/** The claim without what a node says about it. */
function rest(claim: AdmissionObject): unknown {
  const { managedFields: _1, resourceVersion: _2, generation: _3, annotations = {}, ...metadata } = claim.metadata;
  const { [selectedNode]: _4, ...others } = annotations;
  return { ...claim, metadata: { ...metadata, annotations: others } };
}

export function claimProblem({ node, object, old, context }: NodeWrite): string | undefined {
  if (context.subresource === 'status') return undefined;
  if (old === undefined || !jsonEqual(rest(object), rest(old))) return 'can only update the selected node of claims';
  const node0 = old.metadata.annotations?.[selectedNode];
  const node1 = object.metadata.annotations?.[selectedNode];
  const fits = (one: string | undefined): boolean => one === undefined || one === node;
  return fits(node0) && fits(node1) ? undefined : 'can only select itself for claims that no other node has';
}

export function capacityProblem({ node, object, old }: NodeWrite): string | undefined {
  const isOfNode = (one: unknown): boolean =>
    (one as CsiStorageCapacity).nodeTopology?.matchLabels?.[hostnameLabel] === node;
  return isOfNode(object) && (old === undefined || isOfNode(old)) ? undefined : 'can only tell of its own capacity';
}

/** What a class may say that a node makes: whatever leads volumes to some nodes only, or to their disks in a special way, is not of it. */
const classMembers: ReadonlySet<string> = new Set([
  'apiVersion',
  'kind',
  'metadata',
  'provisioner',
  'reclaimPolicy',
  'volumeBindingMode',
  'allowVolumeExpansion',
]);

/** Of two default classes the newer one is taken: a node would draw all claims onto disks of its kind. */
async function isSecondDefault({ parts }: NodeWrite, made: StorageClass): Promise<boolean> {
  if (!isDefaultClass(made)) return false;
  const { items } = await inReadLimit(parts.env, parts.api.list(storageClasses));
  return items.some((other) => other.metadata.name !== made.metadata.name && isDefaultClass(other));
}

export async function storageClassProblem(write: NodeWrite): Promise<string | undefined> {
  const made = write.object as unknown as StorageClass;
  if (made.provisioner !== provisioner) return `can only create storage classes of ${provisioner}`;
  if (!waitsForConsumer(made)) return 'can only create storage classes with volumeBindingMode WaitForFirstConsumer';
  const [member] = Object.entries(made).flatMap(([name, value]) =>
    value === undefined || classMembers.has(name) ? [] : [name],
  );
  if (member !== undefined) return `cannot create storage classes with ${member}`;
  return (await isSecondDefault(write, made)) ? 'cannot make a default storage class: there is another one' : undefined;
}
