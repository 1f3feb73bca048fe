/** The checkpoint of this node: what the agent before this one left, and what this one leaves. */
import { join } from 'node:path';
import { errorMessage } from '@timonel/sdk';
import type { AgentContext } from '../agent-context.ts';
import type { Agent } from '../agent/agent.ts';
import { isStaticPod } from '../static-pods/identity.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { readCheckpoint, type Checkpoint } from './checkpoint-file.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { sourcesOf } from './references.ts';
import type { RememberedSources } from './remembered-sources.ts';
import type { SourceSeal } from './source-seal.ts';

const checkpointName = 'checkpoint.json';

/** What the agent before this one knew; undefined: nothing that can be used. */
export async function formerKnowledge(
  { dataDir, config, log }: AgentContext,
  seal: SourceSeal,
): Promise<Checkpoint | undefined> {
  const file = join(dataDir, checkpointName);
  try {
    const found = await readCheckpoint(file, seal);
    return found?.nodeName === config.nodeName ? found : undefined;
  } catch (error) {
    log.warn(
      { file, error: errorMessage(error) },
      'the checkpoint of the pods is damaged: waiting for the API instead',
    );
    return undefined;
  }
}

export function checkpointWriter(
  ctx: AgentContext,
  agent: Agent,
  sources: RememberedSources,
  volumes: PodVolumes,
  seal: SourceSeal,
): CheckpointWriter {
  return new CheckpointWriter({
    file: join(ctx.dataDir, checkpointName),
    limitBytes: ctx.config.checkpointLimitBytes,
    seal,
    env: ctx.env,
    log: ctx.log,
    snapshot: () => {
      const known = agent.workers().filter((worker) => !worker.gone);
      const all = known.map((worker) => worker.pod()).filter((pod) => !isStaticPod(pod));
      const assignments = new Map(
        known.flatMap((worker) => {
          const own = worker.assignment();
          return own === undefined ? [] : [[worker.pod().metadata.uid ?? '', own] as const];
        }),
      );
      const wanted = new Set([...all.flatMap((pod) => [...sourcesOf(pod)]), ...volumes.asked()]);
      const { nodeName } = ctx.config;
      return { nodeName, resourceVersion: agent.newestSeen(), pods: all, assignments, sources: sources.retain(wanted) };
    },
  });
}
