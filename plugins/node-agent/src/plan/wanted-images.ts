/** The images that the start of a container needs: its own, and those of the volumes that it mounts. Pure. */
import type { Container, Pod, Volume } from '@timonel/sdk/kube';
import type { Pull } from './view.ts';

export interface WantedImage {
  /** Of the pull in the pod's memory. */
  readonly key: string;
  /** Name of the volume; undefined: the container's own. */
  readonly volume: string | undefined;
  readonly image: string;
  readonly imagePullPolicy?: string;
}

interface ImageSource {
  readonly reference?: string;
  readonly pullPolicy?: string;
}

export function imageSourceOf(volume: Volume): ImageSource | undefined {
  return volume['image'] as ImageSource | undefined;
}

export function wantedImages(
  { spec }: Pod,
  { name, image = '', imagePullPolicy, volumeMounts }: Container,
): WantedImage[] {
  const mounted = new Set(volumeMounts?.map((mount) => mount.name));
  const volumes = (spec.volumes ?? []).flatMap((volume): WantedImage[] => {
    const source = imageSourceOf(volume);
    if (source === undefined || !mounted.has(volume.name)) return [];
    const policy = source.pullPolicy === undefined ? {} : { imagePullPolicy: source.pullPolicy };
    return [{ key: `volume ${volume.name}`, volume: volume.name, image: source.reference ?? '', ...policy }];
  });
  const own = imagePullPolicy === undefined ? {} : { imagePullPolicy };
  return [{ key: name, volume: undefined, image, ...own }, ...volumes];
}

/** One of them is on its way; the end of that makes the next plan. */
export function waitsForImages(pod: Pod, container: Container, pulls: ReadonlyMap<string, Pull>): boolean {
  return wantedImages(pod, container).some(({ key, image }) => {
    const pull = pulls.get(key);
    return pull !== undefined && pull.image === undefined && pull.reference === image;
  });
}
