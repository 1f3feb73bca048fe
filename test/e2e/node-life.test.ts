/** The life of a node with real containers: static pods, memory and disk that run short, and its end. Nothing of the machine is filled. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ClusterClient } from '../support/cluster-client.ts';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

jest.setTimeout(60_000);

interface PodView {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Record<string, string>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly state: { readonly running?: { readonly startedAt: string } };
    }[];
  };
}

const mib = 2 ** 20;
const image = 'timonel.local/node:host';
const podsPath = '/api/v1/namespaces/default/pods';
/** What pods may use together: all but this is kept for the system. */
const podMemory = 350 * mib;
const config = (manifests: string) => `
onShutdown: remove
plugins:
  node-agent:
    config:
      staticPodPath: ${manifests}
      fileCheckFrequency: 1s
      evictionIntervalMs: 200
      evictionPressureTransitionPeriod: 2s
      evictionHard: { memory.available: 100Mi, nodefs.available: 100Mi }
      systemReserved: { memory: ${Math.ceil((totalmem() - podMemory) / 1024)}Ki }
      shutdownGracePeriod: 8s
      shutdownGracePeriodCriticalPods: 4s
`;

function podOf(name: string, command: readonly string[], spec: object = {}, container: object = {}): object {
  const containers = [{ name: 'app', image, command, ...container }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 1, ...spec, containers },
  };
}

const script = (text: string): string[] => ['node', '-e', `${text};setInterval(() => 0, 1000)`];
const idle = ['sleep', '100000'];
/** Writes so much to a directory, a mebibyte at a time. */
const writer = (directory: string, mebibytes: number): string[] =>
  script(
    `const f=require('node:fs');const b=Buffer.alloc(${mib},1);for(let i=0;i<${mebibytes};i++)f.appendFileSync('${directory}/big',b)`,
  );

describe('the life of a node', () => {
  let before: readonly string[];
  let root: string;
  let manifests: string;
  let dataDir: string;
  let cluster: TestCluster;
  let client: ClusterClient;

  beforeAll(async () => {
    before = traces();
    root = mkdtempSync(join(tmpdir(), 'timonel-node-life-'));
    manifests = join(root, 'manifests');
    dataDir = join(root, 'data');
    mkdirSync(dataDir);
    mkdirSync(manifests);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'timonel-node-life', dataDir]);
    writeFileSync(join(root, 'config.yaml'), config(manifests));
    writeFileSync(join(manifests, 'first.json'), JSON.stringify(podOf('first', script("console.log('here')"))));
    writeFileSync(join(manifests, 'bad.yaml'), 'kind: Deployment\n');
    cluster = await TestCluster.start({ dataDir, args: ['--config', join(root, 'config.yaml')] });
    client = new ClusterClient(cluster.kubeconfig);
  }, 60_000);
  afterAll(async () => {
    client?.close();
    await cluster?.signal('SIGINT');
    // Also when something of it is in use still: the traces tell.
    execFileSync('umount', ['-l', dataDir]);
    rmSync(root, { recursive: true, force: true });
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  const find = async (name: string): Promise<PodView | undefined> => {
    const { status, body } = await client.send('GET', `${podsPath}/${name}`);
    return status === 200 ? (body as PodView) : undefined;
  };
  const inPhase = (name: string, phase: string): Promise<PodView> => {
    let seen: PodView | undefined;
    return until(
      async () => {
        seen = await find(name);
        return seen?.status.phase === phase ? seen : undefined;
      },
      { what: () => `pod ${name} to be ${phase}: ${JSON.stringify(seen?.status)}`, timeoutMs: 15_000 },
    );
  };
  const create = (pod: object): Promise<unknown> => client.ask('POST', podsPath, pod);
  const remove = async (name: string): Promise<void> => {
    await client.ask('DELETE', `${podsPath}/${name}`, { gracePeriodSeconds: 0 });
    await until(async () => (await find(name)) === undefined, { what: `pod ${name} to be gone` });
  };
  const node = async (): Promise<{ spec: { taints?: { key: string }[] }; status: PodView['status'] }> =>
    (await client.ask('GET', '/api/v1/nodes/node-1')) as never;
  const conditionOf = async (type: string): Promise<string | undefined> =>
    (await node()).status.conditions?.find((condition) => condition.type === type)?.status;
  const messages = async (reason: string): Promise<string[]> => {
    const path = `/api/v1/events?fieldSelector=reason%3D${reason}`;
    const { items } = (await client.ask('GET', path)) as { items: { message: string }[] };
    return items.map(({ message }) => message);
  };
  const startOf = (pod: PodView | undefined) => pod?.status.containerStatuses?.[0]?.state.running?.startedAt;
  const containerOf = (pod: PodView | undefined): string | undefined => pod?.status.containerStatuses?.[0]?.containerID;

  it('runs static pods from their files and shows them by mirrors', async () => {
    const first = await inPhase('first-node-1', 'Running');
    expect(first.metadata.annotations).toMatchObject({
      'kubernetes.io/config.source': 'file',
      'kubernetes.io/config.mirror': first.metadata.annotations?.['kubernetes.io/config.hash'],
    });
    expect(first.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'node-1' }]);
    await until(async () => (await client.send('GET', `${podsPath}/first-node-1/log`)).body?.message === 'here\n', {
      what: 'the log of the pod that the mirror stands for',
    });
    await until(async () => (await messages('FailedStaticPod')).length > 0, { what: 'the bad manifest to be told' });
    expect(await messages('FailedStaticPod')).toEqual([
      'Manifest bad.yaml is refused: apiVersion: Invalid input: expected "v1"; kind: Invalid input: expected "Pod"; metadata: Invalid input: expected object, received undefined',
    ]);

    // Whoever deletes a mirror deletes only that.
    await client.ask('DELETE', `${podsPath}/first-node-1`);
    const again = await until(
      async () => {
        const pod = await find('first-node-1');
        return pod?.metadata.uid === first.metadata.uid || containerOf(pod) === undefined ? undefined : pod;
      },
      { what: 'another mirror' },
    );
    expect(containerOf(again)).toBe(containerOf(first));

    writeFileSync(join(manifests, 'first.json'), JSON.stringify(podOf('first', ['sleep', '99999'])));
    await until(async () => ![undefined, containerOf(first)].includes(containerOf(await find('first-node-1'))), {
      what: 'the changed pod to run',
    });
    unlinkSync(join(manifests, 'first.json'));
    await until(async () => (await find('first-node-1')) === undefined, { what: 'the mirror to go' });
  });

  it('evicts who takes more memory than it asked for when pods run out of it, and takes no pods without requests', async () => {
    const requests = { resources: { requests: { memory: '60Mi' } } };
    await create(podOf('modest', idle, {}, requests));
    await create(podOf('hungry', script(`globalThis.kept=Buffer.alloc(${260 * mib},1)`)));
    const evicted = await inPhase('hungry', 'Failed');
    expect(evicted.status.reason).toBe('Evicted');
    expect(evicted.status.message).toMatch(
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+(Ki|Mi)?\. Container app was using \d+(Ki|Mi)?, request is 0, has larger consumption of memory\. $/,
    );
    expect(evicted.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }),
    );
    expect(await messages('Evicted')).toContain(evicted.status.message);
    expect(await messages('EvictionThresholdMet')).toContain('Attempting to reclaim memory');
    await create(podOf('late', idle, { nodeName: 'node-1' }));
    expect((await inPhase('late', 'Failed')).status).toMatchObject({
      reason: 'Evicted',
      message: 'Pod was rejected: The node had condition: [MemoryPressure]. ',
    });
    await inPhase('modest', 'Running');
    await until(async () => (await conditionOf('MemoryPressure')) === 'False', { what: 'the pressure to be over' });
    await Promise.all(['hungry', 'late'].map(remove));
  });

  it('evicts who fills the disk before it is full', async () => {
    // A small disk, whatever the cluster itself takes.
    const { blocks, bfree, bsize } = statfsSync(dataDir);
    const size = (blocks - bfree) * bsize + 180 * mib;
    execFileSync('mount', ['-o', `remount,size=${size}`, dataDir]);
    await create(podOf('careful', writer('/tmp', 1)));
    await inPhase('careful', 'Running');
    await create(podOf('filler', writer('/tmp', 120)));
    const evicted = await inPhase('filler', 'Failed');
    expect(evicted.status).toMatchObject({
      reason: 'Evicted',
      message: expect.stringMatching(
        /^The node was low on resource: ephemeral-storage\. Threshold quantity: 100Mi, available: \d+(Ki|Mi)?\. Container app was using \d+(Ki|Mi)?, request is 0, has larger consumption of ephemeral-storage\. $/,
      ),
    });
    await until(async () => ((await node()).spec.taints ?? []).some(({ key }) => key.endsWith('/disk-pressure')), {
      what: 'the taint',
    });
    await until(async () => (await conditionOf('DiskPressure')) === 'False', { what: 'the pressure to be over' });
    await until(async () => ((await node()).spec.taints ?? []).length === 0, { what: 'the taint to go' });
    expect(await messages('NodeHasDiskPressure')).toEqual(['Node node-1 status is now: NodeHasDiskPressure']);
    await inPhase('careful', 'Running');
    await Promise.all([remove('careful'), remove('filler')]);
  });

  it('evicts who takes more local storage than it may', async () => {
    const volumes = [{ name: 'data', emptyDir: { sizeLimit: '5Mi' } }];
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const resources = { limits: { 'ephemeral-storage': '8Mi' } };
    await create(podOf('volume', writer('/data', 10), { volumes }, { volumeMounts }));
    await create(podOf('layer', writer('/tmp', 20), {}, { resources }));
    await create(podOf('within', writer('/tmp', 2), { volumes }, { resources, volumeMounts }));
    const told = async (name: string) => (await inPhase(name, 'Failed')).status.message;
    expect(await told('volume')).toBe('Usage of EmptyDir volume "data" exceeds the limit "5Mi". ');
    expect(await told('layer')).toBe('Pod ephemeral local storage usage exceeds the total limit of containers 8Mi. ');
    await inPhase('within', 'Running');
    await Promise.all(['volume', 'layer', 'within'].map(remove));
  });

  it('ends its pods when it ends, and runs static ones again when it comes back', async () => {
    writeFileSync(join(manifests, 'second.json'), JSON.stringify(podOf('second', idle)));
    const polite = "process.on('SIGTERM',()=>{console.log('asked');setTimeout(()=>process.exit(0),500)})";
    await create(podOf('polite', script(polite), { terminationGracePeriodSeconds: 6 }));
    const running = await inPhase('second-node-1', 'Running');
    await Promise.all([inPhase('polite', 'Running'), inPhase('modest', 'Running')]);
    client.close();
    expect(await cluster.signal('SIGTERM')).toBe(0);
    await cluster.up();
    client = new ClusterClient(cluster.kubeconfig);
    for (const name of ['polite', 'modest']) {
      const { status } = await inPhase(name, 'Failed');
      const message = 'Pod was terminated in response to imminent node shutdown.';
      expect(status).toMatchObject({ reason: 'Terminated', message });
      expect(status.conditions).toContainEqual(
        expect.objectContaining({ type: 'DisruptionTarget', reason: 'TerminationByKubelet' }),
      );
    }
    expect((await find('polite'))?.status.containerStatuses?.[0]?.state).toMatchObject({ terminated: { exitCode: 0 } });
    await until(
      async () => {
        const pod = await find('second-node-1');
        return pod?.status.phase === 'Running' && startOf(pod) !== undefined && startOf(pod) !== startOf(running);
      },
      { what: 'the static pod to run again' },
    );
  });
});
