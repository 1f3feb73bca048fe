/** Puts together what works on the volumes of this node's pods. */
import type { Pod } from '@timonel/sdk/kube';
import type { OwnNode } from '../admission/own-node.ts';
import type { AgentContext } from '../agent-context.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import { podsDirectory, volumesDirectoryOf } from '../agent/directories.ts';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import type { NodeFacts } from '../container/field-ref.ts';
import { AccountTokens } from './account-tokens.ts';
import { ClaimVolumes } from './claim-volumes.ts';
import { FollowedObjects } from './followed-objects.ts';
import { mountedBy } from './mounts.ts';
import { LostDirectories } from './pod-directories.ts';
import { PodVolumes } from './pod-volumes.ts';
import { ServedVolumes } from './served-volumes.ts';

export interface VolumesParts {
  readonly sources: RememberedSources;
  readonly ownNode: Pick<OwnNode, 'seenFor'>;
  worker(uid: string): PodWorker | undefined;
  workers(): readonly Pick<PodWorker, 'retryVolumes'>[];
  factsOf(pod: Pod): NodeFacts;
  failed(pod: Pod, message: string): void;
  knownPods(): ReadonlySet<string> | undefined;
}

export interface Volumes {
  readonly volumes: PodVolumes;
  readonly lostDirectories: LostDirectories;
}

export function buildVolumes(ctx: AgentContext, parts: VolumesParts): Volumes {
  const { config, deps, env, log, dataDir } = ctx;
  const { sources } = parts;
  const worker = (uid: string): PodWorker | undefined => parts.worker(uid);
  const claims = new ClaimVolumes({
    drivers: deps.volumes,
    read: (namespace, name) => sources.claim(namespace, name),
    nodeFor: (pod) => parts.ownNode.seenFor(pod),
  });
  const tokens = new AccountTokens(deps.api, env);
  const volumes: PodVolumes = new PodVolumes({
    served: new ServedVolumes(deps.volumeKinds, claims),
    env,
    log,
    objects: new FollowedObjects({
      host: ctx,
      api: deps.api,
      watchLimit: config.objectWatches,
      changed: (key, version) => volumes.changed(key, version),
    }),
    asked: { sources, token: (pod, wish) => tokens.of(pod, wish) },
    podOf(uid) {
      const found = worker(uid);
      if (found === undefined || found.gone) return undefined;
      const pod = found.pod();
      return { pod, facts: parts.factsOf(pod) };
    },
    directoryOf: (uid) => volumesDirectoryOf(dataDir, uid),
    retry: (uid) => worker(uid)?.retryVolumes(),
    failed: (pod, message) => parts.failed(pod, message),
    forgotten: (uid) => tokens.forget(uid),
  });
  // Whoever serves a volume that pods wait for may have come.
  const retryAll = (): void => {
    for (const each of parts.workers()) each.retryVolumes();
  };
  deps.volumes.onChange(retryAll);
  deps.volumeKinds.onChange(retryAll);
  const directory = podsDirectory(dataDir);
  const known = (): ReadonlySet<string> | undefined => parts.knownPods();
  return { volumes, lostDirectories: new LostDirectories({ env, log, volumes, directory, known }) };
}

/** After a worker came to rest: what its running containers mount is kept up to date. */
export function followVolumes(volumes: PodVolumes, worker: PodWorker): void {
  if (worker.gone) return;
  const running = [...worker.containers.values()].filter(({ state }) => state === 'running');
  const pod = worker.pod();
  if (running.length > 0) volumes.follow(pod, mountedBy(pod, new Set(running.map(({ name }) => name))));
}
