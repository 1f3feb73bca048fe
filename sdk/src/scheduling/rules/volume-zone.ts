import {
  skip,
  success,
  type ClusterView,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
  type Status,
} from '../../contracts/scheduler/index.ts';
import { waitsForConsumer } from '../../volumes/index.ts';
import { claimMissing, claimOf, storageClassOf, type Claim, type PersistentVolume } from './volume-objects.ts';

const conflict: Reason = Object.freeze({
  code: 'volume-zone',
  text: 'node(s) had no available volume zone',
  resolvable: false,
});

/** Labels of places, under their old and new names. */
const currentName: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};
const placeLabels = [...Object.keys(currentName), ...Object.values(currentName)];

/** A place where a volume can be used. */
interface Place {
  readonly volume: string;
  readonly label: string;
  readonly values: ReadonlySet<string>;
}

function refused(reason: string): Status {
  return { code: 'unresolvable', reasonCode: 'volume-zone-unknown', reason };
}

/** undefined: it has no volume yet, and gets one where the pod goes. */
function volumeNameOf(claim: Claim, view: ClusterView): string | Status | undefined {
  const name = claim.spec?.volumeName ?? '';
  if (name !== '') return name;
  const storageClass = storageClassOf(view.objects, claim);
  if (storageClass === undefined) return refused('PersistentVolumeClaim had no pv name and storageClass name');
  return waitsForConsumer(storageClass) ? undefined : refused('PersistentVolume had no name');
}

function placesOf(volume: PersistentVolume): Place[] {
  const { labels = {}, name = '' } = volume.metadata;
  return placeLabels.flatMap((label) => {
    const value = labels[label];
    // Volumes that are kept in several zones name them all.
    return value === undefined ? [] : [{ volume: name, label, values: new Set(value.split('__')) }];
  });
}

function placesOfPod({ namespace, class: { claims } }: PodInfo, view: ClusterView): readonly Place[] | Status {
  const places: Place[] = [];
  for (const name of claims) {
    const claim = claimOf(view.objects, namespace, name);
    if (claim === undefined) return claimMissing(name);
    const volumeName = volumeNameOf(claim, view);
    if (volumeName === undefined) continue;
    if (typeof volumeName !== 'string') return volumeName;
    const volume = view.objects.persistentVolume(volumeName);
    if (volume === undefined) return refused(`persistentvolume "${volumeName}" not found`);
    places.push(...placesOf(volume));
  }
  return places;
}

type Labels = Readonly<Record<string, string>>;

/** A node that does not say where it is takes any volume. */
function isPlaced(labels: Labels): boolean {
  return placeLabels.some((label) => labels[label] !== undefined);
}

/** The first place that the node is not in. */
function missed(places: readonly Place[], labels: Labels): Place | undefined {
  return places.find(({ label, values }) => {
    const value = labels[label] ?? labels[currentName[label] ?? ''];
    return value === undefined || !values.has(value);
  });
}

/** Volumes that are labelled with zones or regions are used there alone. */
export function volumeZone(): SchedulingPlugin {
  return {
    name: 'VolumeZone',
    requeueHints: [
      { event: 'node-added' },
      { event: 'node-updated', helps: (_, event) => event.kind === 'node-updated' && event.parts.includes('labels') },
      {
        event: 'object-changed',
        helps: (_, event) =>
          event.kind === 'object-changed' &&
          ['persistentvolumeclaims', 'persistentvolumes', 'storageclasses'].includes(event.resource),
      },
    ],
    filterScope: 'cluster',
    preFilter: (pod, view) => {
      const places = placesOfPod(pod, view);
      if ('code' in places) return { status: places };
      return { status: places.length === 0 ? skip : success, state: places };
    },
    filter: (_, nodes, verdicts, state) => {
      for (let at = 0; at < nodes.count; at += 1) {
        const row = nodes.rows[at] as number;
        const labels = nodes.view.nodes[row]?.metadata.labels ?? {};
        if (isPlaced(labels) && missed(state as readonly Place[], labels) !== undefined) verdicts.reject(row, conflict);
      }
    },
    explain: (_, { rows, view }, __, state) => {
      const row = rows[0] as number;
      const place = missed(state as readonly Place[], view.nodes[row]?.metadata.labels ?? {});
      const where = `${place?.label}=${[...(place?.values ?? [])].join(' or ')}`;
      return {
        detail: {
          volume: place?.volume,
          label: place?.label,
          values: [...(place?.values ?? [])],
          node: view.names[row],
        },
        unblock: `make room on a node with ${where}, where volume ${place?.volume} is`,
      };
    },
  };
}
