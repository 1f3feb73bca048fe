/** For tests: volumes of pods without an API and without a node around. */
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import type { VolumeDriver, VolumeKind } from '@timonel/sdk/contracts/volume';
import type { Node, Pod } from '@timonel/sdk/kube';
import { createRecordingLogger } from '@timonel/testkit';
import type { NodeFacts } from '../../container/field-ref.ts';
import type { BoundClaim, ConfigSources } from '../../container/sources.ts';
import { ClaimVolumes } from '../claim-volumes.ts';
import type { FollowedObjects } from '../followed-objects.ts';
import { PodVolumes, type PodVolumesParts } from '../pod-volumes.ts';
import { ServedVolumes } from '../served-volumes.ts';

export const testFacts: NodeFacts = {
  nodeName: 'n',
  nodeAddress: '192.0.2.1',
  podAddresses: ['10.1.0.2'],
  allocatable: {},
};

/** Volumes of images, of their first layer alone. */
export const imageKind: VolumeKind = {
  keys: () => ['image'],
  prepare: async ({ image }) => ({ hostPath: image?.layers[0] ?? '', readOnly: true }),
  remove: async () => undefined,
  usage: async () => undefined,
};

export interface TestVolumesOptions {
  readonly env: Env;
  readonly directory: string;
  readonly kinds?: readonly VolumeKind[];
  readonly drivers?: readonly VolumeDriver[];
  readonly sources?: Partial<ConfigSources>;
  readonly claim?: BoundClaim;
  /** This one. */
  readonly node?: Node;
  /** Those that are worked on, by uid. */
  readonly pods?: ReadonlyMap<string, Pod>;
  readonly parts?: Partial<PodVolumesParts>;
}

const many = <T>(services: readonly T[]) => ({
  all: () => services.map((service, index) => ({ plugin: `plugin-${index}`, service })),
  onChange: () => undefined,
});

export function testServed({
  kinds = [imageKind],
  drivers = [],
  claim,
  node,
}: Partial<TestVolumesOptions>): ServedVolumes {
  return new ServedVolumes(
    many(kinds),
    new ClaimVolumes({ drivers: many(drivers), read: async () => claim, nodeFor: async () => node }),
  );
}

export function testVolumes(options: TestVolumesOptions): PodVolumes {
  const { env, directory, sources = {}, pods = new Map<string, Pod>(), parts } = options;
  const objects: Pick<FollowedObjects, 'follow' | 'release' | 'close'> = {
    follow: () => undefined,
    release: () => undefined,
    close: async () => undefined,
  };
  const none = async (): Promise<undefined> => undefined;
  return new PodVolumes({
    served: testServed(options),
    env,
    log: createRecordingLogger(),
    objects: objects as FollowedObjects,
    asked: {
      sources: { configMap: none, secret: none, ...sources },
      token: async () => ({ token: 'token', expiresAt: 0, renewAfterMs: 1000 }),
    },
    podOf(uid) {
      const pod = pods.get(uid);
      return pod === undefined ? undefined : { pod, facts: testFacts };
    },
    directoryOf: (uid) => join(directory, 'pods', uid, 'volumes'),
    retry: () => undefined,
    failed: () => undefined,
    forgotten: () => undefined,
    ...parts,
  });
}
