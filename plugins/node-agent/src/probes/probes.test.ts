import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { ContainerRuntime, ExecSession } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';
import { container, memoryWith, podWith, running, viewOf } from '../plan/testing.ts';
import { Probes } from './probes.ts';

const often = { periodSeconds: 1 };
const app = container('app', {
  readinessProbe: { exec: { command: ['ready'] }, ...often },
  livenessProbe: { exec: { command: ['alive'] }, ...often },
});

/** A pod whose probes all succeed. */
function bench() {
  const env = manualEnv();
  const asked: string[] = [];
  const memory = memoryWith();
  const state = { pod: podWith({ containers: [app] }), gone: false };
  const exec = async (_id: string, { command }: { command: readonly string[] }): Promise<ExecSession> => {
    asked.push(command.join(' '));
    const stdout = new PassThrough();
    stdout.end();
    const exited = Promise.resolve(0);
    return { stdin: undefined, stdout, stderr: undefined, resize: () => undefined, kill: () => undefined, exited };
  };
  const runtime: Partial<ContainerRuntime> = { exec };
  const worker: Partial<PodWorker> & { readonly memory: typeof memory } = {
    memory,
    containers: new Map([['app-0', running('app', 0, { startedAt: env.clock.now() })]]),
    pod: () => state.pod,
    get gone() {
      return state.gone;
    },
    view: () => viewOf({ pod: state.pod, memory, containers: [running('app')] }),
    runtime: () => runtime as ContainerRuntime,
    setVerdict: () => undefined,
  };
  const services: Partial<AgentServices> = { env, event: () => undefined, nodeAddress: () => '' };
  const probes = new Probes(services as AgentServices);
  /** What was asked of the container in the next seconds. */
  const during = async (seconds: number): Promise<string[]> => {
    asked.length = 0;
    probes.follow(worker as PodWorker);
    for (let second = 0; second < seconds; second += 1) await env.advance(1000);
    return [...new Set(asked)].toSorted();
  };
  const become = (pod: Pod, gone = false): void => void Object.assign(state, { pod, gone });
  return { during, become, memory, probes };
}

describe('the probes of a pod', () => {
  it('run while its containers run, and are counted', async () => {
    const { during, probes } = bench();
    expect(await during(3)).toEqual(['alive', 'ready']);
    const counts = probes.counts().filter(({ count }) => count > 0);
    const web = { namespace: 'default', name: 'web', uid: 'uid-1', container: 'app', result: 'successful' };
    expect(counts).toMatchObject([
      { ...web, probe: 'Liveness' },
      { ...web, probe: 'Readiness' },
    ]);
    probes.close();
    expect(probes.counts()).toEqual([]);
  });

  it('that is being deleted tell whether it is ready, to the end', async () => {
    const { during, become, memory, probes } = bench();
    await during(2);
    const pod = podWith({ containers: [app] }, { deletionTimestamp: '2100-01-01T00:00:00Z' });
    become(pod);
    memory.stopping.set('app-0', 30_000);
    expect(await during(3)).toEqual(['ready']);
    become(pod, true);
    expect(await during(3)).toEqual([]);
    probes.close();
  });

  it('end when a container is stopped to be started again, and wait for its postStart hook', async () => {
    const { during, memory, probes } = bench();
    memory.hooks.add('app-0');
    expect(await during(2)).toEqual([]);
    memory.hooks.clear();
    expect(await during(2)).toEqual(['alive', 'ready']);
    memory.stopping.set('app-0', 30_000);
    expect(await during(2)).toEqual([]);
    probes.close();
  });
});
