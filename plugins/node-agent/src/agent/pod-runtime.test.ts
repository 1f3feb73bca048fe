import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Pod, PodSpec } from '@timonel/sdk/kube';
import { podWith, running, sandbox } from '../plan/testing.ts';
import { PodWorker } from './pod-worker.ts';
import { Bench } from './testing/worker-bench.ts';

describe('the runtime of a pod', () => {
  let dataDir: string;
  let bench: Bench;
  const start = async (spec: Partial<PodSpec>): Promise<void> => {
    bench = new Bench(dataDir, spec);
    bench.worker.trigger();
    await bench.settle();
  };
  const failures = (): string[] => bench.events.filter((text) => text.includes('FailedCreatePodSandBox'));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-worker-'));
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('that is not on the node is waited for, with an event that says what to do, and the pod starts when it comes', async () => {
    await start({ runtimeClassName: 'crun' });
    await bench.pass(4);
    // After 0, 1 and 3 seconds.
    expect(failures()).toHaveLength(3);
    expect(failures()[0]).toContain(
      'no container runtime "crun" on this node (there are: fake): run "timonel plugin enable runtime-crun"',
    );
    expect(bench.status?.phase).toBe('Pending');
    expect(bench.worker.assignment()).toBeUndefined();
    bench.handlers = ['fake', 'crun'];
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.status?.phase).toBe('Running');
    expect(bench.worker.assignment()).toMatchObject({ handler: 'crun' });
  });

  it('stays that with which the pod was made, whatever becomes of its class', async () => {
    bench = new Bench(dataDir, { runtimeClassName: 'crun' });
    bench.handlers = ['fake', 'crun'];
    bench.worker.trigger();
    await bench.settle();
    bench.classes.handlerOf = () => {
      throw new Error('there is no such class');
    };
    bench.worker.retainSandboxes(new Set());
    await bench.settle();
    await bench.pass(1);
    expect(bench.sandboxes).toHaveLength(2);
    expect(failures()).toEqual([]);
    expect(bench.worker.handler).toBe('crun');
  });

  it('may go for a while: the pod is left as it is, and worked on when it is back', async () => {
    await start({});
    const writes = bench.written.length;
    bench.handlers = ['other'];
    bench.worker.runtimesListed(true);
    // At once: a pod that runs well takes no step by itself.
    expect(bench.events.filter((text) => text.includes('RuntimeNotReady'))).toHaveLength(1);
    for (let index = 0; index < 3; index += 1) {
      bench.worker.trigger();
      await bench.pass(1);
    }
    expect(bench.written).toHaveLength(writes);
    expect(bench.events.filter((text) => text.includes('RuntimeNotReady'))).toEqual([
      expect.stringContaining('The pod is left as it is: no container runtime "fake" on this node (there are: other)'),
    ]);
    expect(bench.worker.sandboxes.size).toBe(1);
    bench.crash();
    bench.handlers = ['fake'];
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.starts).toHaveLength(2);
  });

  it('that a former agent gave it is away: nothing is started or said of the pod meanwhile', async () => {
    bench = new Bench(dataDir);
    bench.handlers = [];
    const former = { handler: 'fake', sandboxes: ['s0'] };
    const lastWord = { containerStatuses: [{ name: 'app', containerID: 'timonel://app-0', state: { running: {} } }] };
    const pod = { ...podWith(), status: { phase: 'Running', ...lastWord } } as unknown as Pod;
    bench.worker = new PodWorker(bench.services(), pod, former, () => undefined);
    bench.worker.recall();
    bench.worker.trigger();
    await bench.settle();
    expect(bench.written).toEqual([]);
    expect(bench.worker.assignment()).toEqual({ handler: 'fake', sandboxes: ['s0'] });
    bench.handlers = ['fake'];
    bench.containers.set('app-0', running('app', 0, { id: 'app-0' }));
    bench.worker.adopt({ handler: 'fake', podUid: 'uid-1', sandboxes: [sandbox()], containers: [running('app')] });
    bench.worker.runtimesListed(true);
    await bench.settle();
    expect(bench.starts).toEqual([]);
    expect(bench.status?.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
  });

  it('gives user namespaces where it can: the same ids for all sandboxes of a pod', async () => {
    await start({ hostUsers: false });
    expect(failures()[0]).toContain('runtime "x" has no user namespaces on this node, which hostUsers: false asks for');
    bench.userNamespaces = true;
    await bench.pass(1);
    bench.worker.retainSandboxes(new Set());
    await bench.settle();
    const userNamespace = { firstUid: 100_000, firstGid: 100_000, length: 65_536 };
    expect(bench.sandboxes).toMatchObject([{ userNamespace }, { userNamespace }]);
    expect(bench.sandboxes[0]?.labels['timonel.io/first-id']).toBe('100000');
    expect(bench.worker.assignment()?.firstId).toBe(100_000);
  });

  it('gives no user namespace to a pod that is to see the node’s own', async () => {
    bench = new Bench(dataDir, { hostUsers: false, hostPID: true });
    bench.userNamespaces = true;
    bench.worker.trigger();
    await bench.settle();
    expect(failures()[0]).toContain('hostUsers: false cannot be had together with hostNetwork, hostPID or hostIPC');
    expect(bench.sandboxes).toEqual([]);
  });

  it('is never asked for a pod that the node refuses', async () => {
    await start({ securityContext: { sysctls: [{ name: 'kernel.panic', value: '1' }] } });
    expect(bench.status).toMatchObject({
      phase: 'Failed',
      reason: 'SysctlForbidden',
      message: 'Pod was rejected: forbidden sysctl: "kernel.panic" not allowlisted',
    });
    expect(bench.status).not.toHaveProperty('containerStatuses');
    expect(bench.sandboxes).toEqual([]);
    expect(bench.events).toEqual(['Warning SysctlForbidden forbidden sysctl: "kernel.panic" not allowlisted']);
  });
});
