/** The demo's manifests under real kubectl: apply, get -w, scale, logs -f, label, delete; crashes of containers, pods and the command. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { pidsWithEnvironment } from '../support/processes.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';

interface PodView {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly ready: boolean;
      readonly restartCount: number;
      readonly lastState: { readonly terminated?: { readonly exitCode: number; readonly reason: string } };
    }[];
  };
}

const manifest = join(import.meta.dirname, '..', '..', 'examples', 'web', 'web.yaml');

describe('a workload under kubectl', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let kubectlPath: string;

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  const kubectl = (...args: string[]): RunningProgram =>
    new RunningProgram(kubectlPath, ['--kubeconfig', cluster.kubeconfig, ...args]);
  const pods = async (): Promise<readonly PodView[]> =>
    (JSON.parse(await ok('get', 'pods', '-l', 'app=web', '-o', 'json')) as { items: PodView[] }).items;
  const readyPods = (count: number): Promise<readonly PodView[]> =>
    until(
      async () => {
        const all = await pods();
        const ready = all.filter((pod) => pod.status.containerStatuses?.every((status) => status.ready) === true);
        return all.length === count && ready.length === count ? all : undefined;
      },
      { what: `${count} ready pods`, timeoutMs: 40_000 },
    );
  const identity = (all: readonly PodView[]): string[] =>
    all
      .map((pod) => `${pod.metadata.uid} ${pod.status.podIP} ${pod.status.containerStatuses?.[0]?.containerID}`)
      .sort();

  beforeAll(async () => {
    kubectlPath = (await kubernetesTools()).kubectl;
    before = traces();
    cluster = await TestCluster.start();
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('applies the example, and applying it again changes nothing', async () => {
    expect(await ok('apply', '-f', manifest)).toBe('deployment.apps/web created\nservice/web created\n');
    expect(await ok('apply', '-f', manifest)).toBe('deployment.apps/web unchanged\nservice/web unchanged\n');
    await ok('rollout', 'status', 'deployment/web', '--timeout=40s');
    await readyPods(3);
  }, 60_000);

  it('shows it: get -o wide, yaml, describe', async () => {
    expect(await ok('get', 'deployment', 'web')).toMatch(/web +3\/3 +3 +3 /);
    expect(await ok('get', 'pods', '-o', 'wide')).toMatch(/web-\S+ +1\/1 +Running +0 .* 10\.210\.\d+\.\d+ +node-1/);
    expect(await ok('get', 'service', 'web', '-o', 'yaml')).toContain('targetPort: http');
    expect(await ok('describe', 'pod', '-l', 'app=web')).toMatch(/Successfully assigned default\/web-.* to node-1/);
    expect(await ok('get', 'nodes', '-o', 'wide')).toMatch(/node-1 +Ready/);
  });

  it('answers through the service, from every pod', async () => {
    const address = (await ok('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')).trim();
    const seen = new Set<string>();
    for (let n = 0; n < 60 && seen.size < 3; n += 1) {
      const response = await fetch(`http://${address}:8080/`, { headers: { connection: 'close' } });
      seen.add((await response.text()).trim());
    }
    expect([...seen].sort()).toEqual((await pods()).map((pod) => pod.metadata.name).sort());
  }, 30_000);

  it('follows a scale with get -w', async () => {
    const watch = kubectl('get', 'pods', '-l', 'app=web', '-w', '--no-headers');
    try {
      await until(() => watch.output.split('\n').length > 3, { what: 'the first pods of get -w' });
      await ok('scale', 'deployment', 'web', '--replicas=5');
      const all = await readyPods(5);
      await until(() => all.every((pod) => new RegExp(`${pod.metadata.name} +1/1 +Running`).test(watch.output)), {
        what: () => `five running pods in the output of get -w:\n${watch.output}`,
      });
      await ok('scale', 'deployment', 'web', '--replicas=3');
      await readyPods(3);
      await until(() => watch.output.includes('Terminating'), { what: 'Terminating in the output of get -w' });
    } finally {
      watch.child.kill();
    }
  }, 60_000);

  it('follows logs', async () => {
    const [pod] = await pods();
    const follow = kubectl('logs', '-f', pod?.metadata.name ?? '');
    try {
      await until(() => follow.output.includes('listening on'), { what: 'the first line of the log' });
      await fetch(`http://${pod?.status.podIP}:8080/from-the-test`);
      await until(() => follow.output.includes('GET /from-the-test'), {
        what: () => `the request in the log:\n${follow.output}`,
      });
    } finally {
      follow.child.kill();
    }
    expect((await ok('logs', pod?.metadata.name ?? '', '--tail=1')).trim()).toBe('GET /from-the-test');
  }, 30_000);

  it('labels, annotates, edits and patches', async () => {
    await ok('label', 'deployment', 'web', 'team=blue');
    expect(await ok('get', 'deployments', '-l', 'team=blue', '-o', 'name')).toBe('deployment.apps/web\n');
    await ok('label', 'deployment', 'web', 'team-');
    expect(await ok('get', 'deployments', '-l', 'team', '-o', 'name')).toBe('');
    await ok(
      'patch',
      'service',
      'web',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]',
    );
    const edited = await cluster.kubectl(['edit', 'service', 'web'], { env: { EDITOR: 'sed -i s/a:\\ b/a:\\ c/' } });
    expect(edited.stdout).toContain('service/web edited');
    expect(await ok('get', 'service', 'web', '-o', 'jsonpath={.metadata.labels.a}')).toBe('c');
  }, 30_000);

  it('restarts a container whose process was killed', async () => {
    const [pod] = await pods();
    const name = pod?.metadata.name ?? '';
    const [pid] = pidsWithEnvironment(`POD_NAME=${name}`);
    process.kill(pid ?? 0, 'SIGKILL');
    const after = await until(
      async () => {
        const found = (await pods()).find((candidate) => candidate.metadata.name === name);
        const status = found?.status.containerStatuses?.[0];
        return status?.restartCount === 1 && status.ready ? found : undefined;
      },
      { what: 'a restarted container', timeoutMs: 40_000 },
    );
    expect(after.metadata.uid).toBe(pod?.metadata.uid);
    expect(after.status.podIP).toBe(pod?.status.podIP);
    expect(after.status.containerStatuses?.[0]?.lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(await ok('get', 'pod', name)).toMatch(/1\/1 +Running +1 \(/);
    expect(await ok('logs', name, '--previous')).toContain('listening on');
  }, 60_000);

  it('replaces a deleted pod', async () => {
    const [pod] = await pods();
    await ok('delete', 'pod', pod?.metadata.name ?? '');
    const now = await readyPods(3);
    expect(now.map((candidate) => candidate.metadata.uid)).not.toContain(pod?.metadata.uid);
  }, 60_000);

  it('goes on after kill -9 of the command: same objects, no container restarted', async () => {
    const objects = await ok('get', 'deployments,replicasets,services', '-o', 'name');
    const running = identity(await readyPods(3));
    const restarts = (await pods())
      .map((pod) => pod.status.containerStatuses?.[0]?.restartCount ?? 0)
      .sort((a, b) => a - b);
    const pids = (await pods()).flatMap((pod) => pidsWithEnvironment(`POD_NAME=${pod.metadata.name}`));
    expect(pids).toHaveLength(3);
    expect(await cluster.signal('SIGKILL')).toBe('SIGKILL');
    for (const pid of pids) process.kill(pid, 0);
    await cluster.up();
    expect(await ok('get', 'deployments,replicasets,services', '-o', 'name')).toBe(objects);
    expect(identity(await readyPods(3))).toEqual(running);
    expect(
      (await pods()).map((pod) => pod.status.containerStatuses?.[0]?.restartCount ?? 0).sort((a, b) => a - b),
    ).toEqual(restarts);
    expect(
      (await pods()).flatMap((pod) => pidsWithEnvironment(`POD_NAME=${pod.metadata.name}`)).sort((a, b) => a - b),
    ).toEqual(pids.sort((a, b) => a - b));
    const logs = await ok('logs', (await pods())[0]?.metadata.name ?? '');
    expect(logs).toContain('listening on');
  }, 90_000);

  it('notices what happened while the command was away', async () => {
    const [pod] = await pods();
    const name = pod?.metadata.name ?? '';
    const before = pod?.status.containerStatuses?.[0]?.restartCount ?? 0;
    const [pid] = pidsWithEnvironment(`POD_NAME=${name}`);
    await cluster.signal('SIGKILL');
    process.kill(pid ?? 0, 'SIGKILL');
    await cluster.up();
    await until(
      async () => {
        const status = (await pods()).find((candidate) => candidate.metadata.name === name)?.status
          .containerStatuses?.[0];
        return status?.restartCount === before + 1 && status.ready;
      },
      { what: 'the container to be restarted', timeoutMs: 40_000 },
    );
  }, 90_000);

  it('deletes the workload', async () => {
    expect(await ok('delete', '-f', manifest)).toMatch(/deployment.apps "web" deleted[\s\S]*service "web" deleted/);
    await until(async () => (await pods()).length === 0, { what: 'all pods to be gone', timeoutMs: 40_000 });
    expect(await ok('get', 'replicasets,endpointslices', '-o', 'name')).not.toContain('web');
  }, 60_000);

  it('stops on SIGTERM too', async () => {
    expect(await cluster.signal('SIGTERM')).toBe(0);
  }, 40_000);
});
