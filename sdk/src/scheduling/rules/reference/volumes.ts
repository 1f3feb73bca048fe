import { parseQuantity, type Node, type Pod } from '../../../kube/index.ts';
import type { Claim, CsiNode, PersistentVolume, StorageClass } from '../volume-objects.ts';
import type { ReferenceFilter, SmallCluster } from './one-node.ts';
import { termMatches } from './node-affinity.ts';

interface Use {
  readonly claimName: string;
  readonly ephemeral: boolean;
}

function usesOf(pod: Pod): Use[] {
  const uses: Use[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const claim = volume['persistentVolumeClaim'] as { claimName: string } | undefined;
    if (claim) uses.push({ claimName: claim.claimName, ephemeral: false });
    if (volume['ephemeral']) uses.push({ claimName: `${pod.metadata.name}-${volume.name}`, ephemeral: true });
  }
  return uses;
}

function claimOf(pod: Pod, claimName: string, { objects }: SmallCluster): Claim | undefined {
  return objects.persistentVolumeClaim(pod.metadata.namespace ?? '', claimName);
}

type OldDisk = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

function clash(a: OldDisk, b: OldDisk): boolean {
  const shared = (kind: string): boolean => a[kind]?.['readOnly'] === true && b[kind]?.['readOnly'] === true;
  const [gceA, gceB] = [a['gcePersistentDisk'], b['gcePersistentDisk']];
  if (gceA && gceB && gceA['pdName'] === gceB['pdName'] && !shared('gcePersistentDisk')) return true;
  const [awsA, awsB] = [a['awsElasticBlockStore'], b['awsElasticBlockStore']];
  if (awsA && awsB && awsA['volumeID'] === awsB['volumeID']) return true;
  const [iscsiA, iscsiB] = [a['iscsi'], b['iscsi']];
  if (iscsiA && iscsiB && iscsiA['iqn'] === iscsiB['iqn'] && !shared('iscsi')) return true;
  const [rbdA, rbdB] = [a['rbd'], b['rbd']];
  if (!rbdA || !rbdB || shared('rbd') || rbdA['image'] !== rbdB['image']) return false;
  const monitors = new Set(rbdA['monitors'] as string[]);
  return (
    (rbdA['pool'] ?? 'rbd') === (rbdB['pool'] ?? 'rbd') && (rbdB['monitors'] as string[]).some((at) => monitors.has(at))
  );
}

export const volumeRestrictionsReference: ReferenceFilter = (pod, here, cluster) => {
  const shared = usesOf(pod).filter(({ ephemeral }) => !ephemeral);
  const missing = shared.find(({ claimName }) => claimOf(pod, claimName, cluster) === undefined);
  if (missing !== undefined) return [`persistentvolumeclaim "${missing.claimName}" not found`];
  for (const mine of pod.spec.volumes ?? []) {
    for (const theirs of here.pods.flatMap(({ spec }) => spec.volumes ?? [])) {
      if (clash(mine as OldDisk, theirs as OldDisk)) return ['node(s) had no available disk'];
    }
  }
  for (const { claimName } of shared) {
    if (!claimOf(pod, claimName, cluster)?.spec?.accessModes?.includes('ReadWriteOncePod')) continue;
    const others = cluster.nodes.flatMap(({ pods }) => pods);
    const isUsed = others.some(
      (other) =>
        other.metadata.namespace === pod.metadata.namespace &&
        usesOf(other).some((use) => !use.ephemeral && use.claimName === claimName),
    );
    if (isUsed) {
      return ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'];
    }
  }
  return [];
};

/** `driver handle` for every volume of a pod that a CSI driver attaches. */
function attachments(pod: Pod, cluster: SmallCluster): string[] {
  return usesOf(pod).flatMap(({ claimName }) => {
    const claim = claimOf(pod, claimName, cluster);
    if (claim === undefined) return [];
    const volume: PersistentVolume | undefined = cluster.objects.persistentVolume(claim.spec?.volumeName ?? '');
    if (volume) return volume.spec?.csi ? [`${volume.spec.csi.driver} ${volume.spec.csi.volumeHandle}`] : [];
    const storageClass: StorageClass | undefined = cluster.objects.storageClass(claim.spec?.storageClassName ?? '');
    return storageClass ? [`${storageClass.provisioner} of ${pod.metadata.namespace}/${claimName}`] : [];
  });
}

export const nodeVolumeLimitsReference: ReferenceFilter = (pod, { node, pods }, cluster) => {
  const csiNode: CsiNode | undefined = cluster.objects.csiNode(node.metadata.name ?? '');
  const present = new Set(pods.flatMap((other) => attachments(other, cluster)));
  const wanted = new Set(attachments(pod, cluster));
  for (const { name, allocatable } of csiNode?.spec?.drivers ?? []) {
    const of = (volumes: Iterable<string>): string[] => [...volumes].filter((volume) => volume.startsWith(`${name} `));
    const added = of(wanted).filter((volume) => !present.has(volume));
    if (allocatable?.count === undefined || added.length === 0) continue;
    if (of(present).length + added.length > allocatable.count) return ['node(s) exceed max volume count'];
  }
  return [];
};

const isBound = (claim: Claim): boolean =>
  Boolean(claim.spec?.volumeName) && claim.metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined;

function isReachable(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => termMatches(term, node));
}

const storage = (quantities: Readonly<Record<string, string>> | undefined): number =>
  parseQuantity(quantities?.['storage'] ?? '0') ?? 0;

/** The best volume for a claim that waits, on a node. */
function bestVolume(
  claim: Claim,
  node: Node,
  { objects }: SmallCluster,
  taken: Set<PersistentVolume>,
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of objects.persistentVolumes()) {
    const { spec, status, metadata }: PersistentVolume = volume;
    if (taken.has(volume) || metadata.deletionTimestamp !== undefined) continue;
    if ((spec?.storageClassName ?? '') !== (claim.spec?.storageClassName ?? '')) continue;
    if (storage(spec?.capacity) < storage(claim.spec?.resources?.requests)) continue;
    if ((spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) continue;
    if (spec?.claimRef) {
      const isOurs = spec.claimRef.name === claim.metadata.name && spec.claimRef.namespace === claim.metadata.namespace;
      if (!isOurs) continue;
      return isReachable(volume, node) ? volume : undefined;
    }
    if (status?.phase !== 'Available' || !isReachable(volume, node)) continue;
    const wanted = Object.entries(claim.spec?.selector?.matchLabels ?? {});
    if (!wanted.every(([key, value]) => metadata.labels?.[key] === value)) continue;
    if (!(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode))) continue;
    if (best === undefined || storage(spec?.capacity) < storage(best.spec?.capacity)) best = volume;
  }
  return best;
}

function canProvide(storageClass: StorageClass | undefined, node: Node): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === 'kubernetes.io/no-provisioner') return false;
  const topologies = storageClass.allowedTopologies ?? [];
  if (topologies.length === 0) return true;
  return topologies.some(({ matchLabelExpressions = [] }) => {
    const label = (key: string): string => node.metadata.labels?.[key] ?? '';
    return (
      matchLabelExpressions.length > 0 &&
      matchLabelExpressions.every(({ key, values = [] }) => values.includes(label(key)))
    );
  });
}

/** What keeps the pod from all nodes. */
function claimTrouble(pod: Pod, cluster: SmallCluster): string | undefined {
  for (const { claimName, ephemeral } of usesOf(pod)) {
    const claim = claimOf(pod, claimName, cluster);
    const quoted = `persistentvolumeclaim "${claimName}"`;
    if (!claim && ephemeral) return `waiting for ephemeral volume controller to create the ${quoted}`;
    if (!claim) return `${quoted} not found`;
    if (claim.status?.phase === 'Lost') {
      return `${quoted} bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
    }
    if (claim.metadata.deletionTimestamp) return `${quoted} is being deleted`;
    const owner = claim.metadata.ownerReferences?.find(({ controller }) => controller);
    if (ephemeral && owner?.uid !== pod.metadata.uid) {
      const { namespace, name } = pod.metadata;
      return `PVC "${namespace}/${claimName}" was not created for pod "${namespace}/${name}" (pod is not owner)`;
    }
  }
  for (const { claimName } of usesOf(pod)) {
    const claim = claimOf(pod, claimName, cluster) as Claim;
    const storageClass: StorageClass | undefined = cluster.objects.storageClass(claim.spec?.storageClassName ?? '');
    const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !claim.spec?.volumeName;
    if (!isBound(claim) && !waits) return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

function boundTrouble(claims: readonly Claim[], node: Node, { objects }: SmallCluster): string[] {
  for (const claim of claims.filter(isBound)) {
    const volume: PersistentVolume | undefined = objects.persistentVolume(claim.spec?.volumeName ?? '');
    if (!volume) return ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'];
    if (!isReachable(volume, node)) return ["node(s) didn't match PersistentVolume's node affinity"];
  }
  return [];
}

export const volumeBindingReference: ReferenceFilter = (pod, { node }, cluster) => {
  const trouble = claimTrouble(pod, cluster);
  if (trouble !== undefined) return [trouble];
  const claims = usesOf(pod).map(({ claimName }) => claimOf(pod, claimName, cluster) as Claim);
  const size = (claim: Claim): number => storage(claim.spec?.resources?.requests);
  const waiting = claims.filter((claim) => !isBound(claim)).sort((a, b) => size(a) - size(b));
  const taken = new Set<PersistentVolume>();
  const isServed = (claim: Claim): boolean => {
    const storageClass: StorageClass | undefined = cluster.objects.storageClass(claim.spec?.storageClassName ?? '');
    const chosen = claim.metadata.annotations?.['volume.kubernetes.io/selected-node'];
    if (chosen !== undefined) return chosen === node.metadata.name && canProvide(storageClass, node);
    const volume = bestVolume(claim, node, cluster, taken);
    if (volume) taken.add(volume);
    return volume !== undefined || canProvide(storageClass, node);
  };
  const unserved = waiting.filter((claim) => !isServed(claim)).length > 0;
  return [
    ...boundTrouble(claims, node, cluster),
    ...(unserved ? ["node(s) didn't find available persistent volumes to bind"] : []),
  ];
};

export const volumeZoneReference: ReferenceFilter = (pod, { node }, cluster) => {
  const labels = node.metadata.labels ?? {};
  const beta = 'failure-domain.beta.kubernetes.io/';
  const keys = ['zone', 'region'].flatMap((part) => [`${beta}${part}`, `topology.kubernetes.io/${part}`]);
  const isPlaced = keys.some((key) => labels[key] !== undefined);
  let conflict = false;
  for (const { claimName } of usesOf(pod)) {
    const claim = claimOf(pod, claimName, cluster);
    if (!claim) return [`persistentvolumeclaim "${claimName}" not found`];
    if (!claim.spec?.volumeName) {
      const storageClass: StorageClass | undefined = cluster.objects.storageClass(claim.spec?.storageClassName ?? '');
      if (!storageClass) return ['PersistentVolumeClaim had no pv name and storageClass name'];
      if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') continue;
      return ['PersistentVolume had no name'];
    }
    const volume = cluster.objects.persistentVolume(claim.spec.volumeName);
    if (!volume) return [`persistentvolume "${claim.spec.volumeName}" not found`];
    for (const key of keys) {
      const zones = volume.metadata.labels?.[key]?.split('__');
      const here = labels[key] ?? labels[key.replace(beta, 'topology.kubernetes.io/')] ?? '';
      if (zones && !zones.includes(here)) conflict = true;
    }
  }
  return conflict && isPlaced ? ['node(s) had no available volume zone'] : [];
};
