import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AttachRequest, PodNetwork } from '@timonel/sdk/contracts/network';
import { container, podWith } from '../plan/testing.ts';
import type { AgentServices } from './services.ts';
import { Bench } from './testing/worker-bench.ts';

/** Its network notes what it is asked for, and has none of it. */
class NetworkBench extends Bench {
  readonly asked: AttachRequest[] = [];

  override services(): AgentServices {
    const former = super.services();
    const attach: PodNetwork['attach'] = async (request) => {
      this.asked.push(request);
      return {
        ...(await former.network.attach(request)),
        warnings: [{ reason: 'HostPortNotSupported', message: 'x' }],
      };
    };
    return { ...former, network: { ...former.network, attach } };
  }
}

describe('the network of a pod', () => {
  let dataDir: string;
  let bench: NetworkBench;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-network-'));
    bench = new NetworkBench(dataDir);
  });
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const begin = async (annotations: Record<string, string>): Promise<void> => {
    const containers = [container('app', { ports: [{ containerPort: 80, hostPort: 8080 }] })];
    bench.worker.setPod(podWith({ containers }, { name: 'web', namespace: 'default', uid: 'uid-1', annotations }));
    bench.worker.trigger();
    await bench.settle();
  };

  it('is asked for the host ports and limits of the pod, and an event says what is not had', async () => {
    await begin({ 'kubernetes.io/ingress-bandwidth': '1M' });
    expect(bench.asked).toMatchObject([{ hostPorts: [{ hostPort: 8080 }], bandwidth: { ingress: 1_000_000 } }]);
    expect(bench.events).toContain('Warning HostPortNotSupported x');
    expect(bench.starts).toHaveLength(1);
  });

  it('is not made for a pod with an annotation that is no limit', async () => {
    await begin({ 'kubernetes.io/ingress-bandwidth': 'fast' });
    expect(bench.asked).toEqual([]);
    expect(bench.events.join()).toMatch(
      /FailedCreatePodSandBox.*the annotation kubernetes.io\/ingress-bandwidth is "fast"/,
    );
  });
});
