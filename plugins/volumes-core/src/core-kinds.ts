/** The service of this plugin: one file a kind. */
import type { Env } from '@timonel/sdk';
import { DirectorySizes } from '@timonel/sdk/linux';
import type { PreparedVolume, VolumeKind, VolumeRequest, VolumeUsage } from '@timonel/sdk/contracts/volume';
import { usageOfSpace, emptyDirUsage, prepareEmptyDir } from './empty-dir.ts';
import { prepareHostPath } from './host-path.ts';
import { prepareImage } from './image.ts';
import type { MemoryFilesystems } from './memory-filesystems.ts';
import { unmountBelow } from './mount-table.ts';
import type { MemoryRoot } from './payload/memory-root.ts';
import { preparePayload } from './payload/prepare.ts';

interface CoreKind {
  prepare(request: VolumeRequest): Promise<PreparedVolume>;
  usage(request: VolumeRequest): Promise<VolumeUsage | undefined>;
}

export interface CoreKindsParts {
  readonly env: Pick<Env, 'clock'>;
  readonly memory: MemoryFilesystems;
  /** Absent: files of Secrets lie in the directories of their volumes. */
  readonly memoryRoot?: MemoryRoot;
}

export function coreKinds({ env, memory, memoryRoot }: CoreKindsParts): VolumeKind {
  const sizes = new DirectorySizes(env.clock);
  const isNotCounted = async (): Promise<undefined> => undefined;
  const payload: CoreKind = {
    prepare: (request) => preparePayload(request, env),
    usage: async ({ directory }) => usageOfSpace(await sizes.of(directory)),
  };
  const placed = async (request: VolumeRequest): Promise<VolumeRequest> =>
    memoryRoot === undefined ? request : { ...request, directory: await memoryRoot.directoryOf(request) };
  const secretPayload: CoreKind = {
    prepare: async (request) => preparePayload(await placed(request), env),
    async usage(request) {
      const { directory } = await placed(request);
      const used = usageOfSpace(await sizes.of(directory));
      return directory === request.directory ? used : { ...used, medium: 'memory' };
    },
  };
  const kinds: Readonly<Record<string, CoreKind>> = {
    emptyDir: {
      prepare: (request) => prepareEmptyDir(request, memory),
      usage: (request) => emptyDirUsage(request, sizes),
    },
    hostPath: { prepare: prepareHostPath, usage: isNotCounted },
    configMap: payload,
    secret: secretPayload,
    downwardAPI: secretPayload,
    projected: secretPayload,
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
    remove: async (pod, directory) => {
      await unmountBelow(directory);
      const inMemory = (await memoryRoot?.remove(pod)) ?? [];
      for (const gone of [directory, ...inMemory]) sizes.forgetBelow(gone);
    },
  };
}
