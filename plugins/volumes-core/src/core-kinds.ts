/** The service of this plugin: one file a kind. */
import type { Env } from '@timonel/sdk';
import { DirectorySizes } from '@timonel/sdk/linux';
import type { PreparedVolume, VolumeKind, VolumeRequest, VolumeUsage } from '@timonel/sdk/contracts/volume';
import { usageOfSpace, emptyDirUsage, prepareEmptyDir } from './empty-dir.ts';
import { prepareHostPath } from './host-path.ts';
import { prepareImage } from './image.ts';
import { MemoryFilesystems } from './memory-filesystems.ts';
import { unmountBelow } from './mount-table.ts';
import { preparePayload } from './payload/prepare.ts';

interface CoreKind {
  prepare(request: VolumeRequest): Promise<PreparedVolume>;
  usage(request: VolumeRequest): Promise<VolumeUsage | undefined>;
}

export function coreKinds(env: Pick<Env, 'clock'>): VolumeKind {
  const sizes = new DirectorySizes(env.clock);
  const memory = new MemoryFilesystems();
  const isNotCounted = async (): Promise<undefined> => undefined;
  const payload: CoreKind = {
    prepare: (request) => preparePayload(request, env),
    usage: async ({ directory }) => usageOfSpace(await sizes.of(directory)),
  };
  const kinds: Readonly<Record<string, CoreKind>> = {
    emptyDir: {
      prepare: (request) => prepareEmptyDir(request, memory),
      usage: (request) => emptyDirUsage(request, sizes),
    },
    hostPath: { prepare: prepareHostPath, usage: isNotCounted },
    configMap: payload,
    secret: payload,
    downwardAPI: payload,
    projected: payload,
    image: { prepare: prepareImage, usage: isNotCounted },
  };
  const kindOf = ({ key }: VolumeRequest): CoreKind => {
    const kind = kinds[key];
    if (kind === undefined) throw new Error(`volumes-core does not serve ${key}`);
    return kind;
  };
  return {
    keys: () => Object.keys(kinds),
    prepare: async (request) => kindOf(request).prepare(request),
    usage: async (request) => kindOf(request).usage(request),
    remove: async (_pod, directory) => {
      await unmountBelow(directory);
      sizes.forgetBelow(directory);
    },
  };
}
