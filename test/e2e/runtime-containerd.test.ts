/** Pods by containerd and by the default runtime beside each other on one node, under real kubectl. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { Containerd, containerdMissing } from '../support/containerd/daemon.ts';
import { newTraces, traces } from '../support/machine.ts';
import { apply, runtimeClassOf, serveTogether } from '../support/runtimes-together.ts';
import { until } from '../support/until.ts';

const handlers = ['linux', 'containerd'] as const;

describe('containerd', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'timonel-e2e-'));
  const cni = join(dataDir, 'data', 'runtime-containerd', 'cni');
  let before: readonly string[];
  let containerd: Containerd;
  let cluster: TestCluster;

  const ok = async (args: readonly string[]): Promise<string> => (await cluster.mustKubectl(args)).trim();
  const ofContainer = (path: string): Promise<string> =>
    ok(['get', 'pod', 'containerd', '-o', `jsonpath={.status.containerStatuses[0].${path}}`]);

  beforeAll(async () => {
    if (containerdMissing !== undefined) throw new Error(containerdMissing);
    before = traces();
    containerd = new Containerd({ cni: { bin: join(cni, 'bin'), conf: join(cni, 'conf') } });
    await containerd.start();
    const file = join(containerd.directory, 'timonel.yaml');
    const plugins = { 'runtime-containerd': { enabled: true, config: { socket: containerd.socket } } };
    writeFileSync(file, JSON.stringify({ plugins }));
    cluster = await TestCluster.start({ dataDir, args: ['--config', file] });
    await apply(cluster, runtimeClassOf('containerd'));
  }, 60_000);
  afterAll(async () => {
    await cluster?.dispose();
    await containerd?.close();
    rmSync(dataDir, { recursive: true, force: true });
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('serves beside the default runtime: one Service, logs, sessions, ports', async () => {
    await serveTogether(cluster, handlers);
    expect(await ok(['logs', 'containerd'])).toBe('serving');
    const node = (code: string): readonly string[] => ['exec', 'containerd', '--', 'node', '-e', code];
    expect(await ok(node(`console.log(require('node:os').hostname())`))).toBe('containerd');
    expect((await cluster.kubectl(node('process.exit(9)'))).stderr).toContain('exit code 9');
    expect(containerd.ctr('tasks', 'ls', '-q').trim().split('\n')).toHaveLength(2);
  }, 60_000);

  it('is killed and started again: its pods go on, and are served as before', async () => {
    const since = await ofContainer('state.running.startedAt');
    await containerd.kill();
    await containerd.start();
    const exec = (): Promise<boolean> =>
      cluster.kubectl(['exec', 'containerd', '--', 'node', '-e', '0']).then(({ status }) => status === 0);
    await until(exec, { what: 'sessions to be served again', timeoutMs: 20_000 });
    expect(await ofContainer('state.running.startedAt')).toBe(since);
    expect(await ofContainer('restartCount')).toBe('0');
  }, 60_000);

  it('keeps its pods when the node is killed, and ends them with their deletion', async () => {
    const since = await ofContainer('state.running.startedAt');
    await cluster.signal('SIGKILL');
    await cluster.up();
    await ok(['wait', '--for=condition=Ready', '--timeout=30s', 'pod/containerd']);
    expect(await ofContainer('state.running.startedAt')).toBe(since);
    await ok(['delete', 'pod', ...handlers, '--timeout=25s']);
    expect(containerd.ctr('tasks', 'ls', '-q')).toBe('');
    expect(containerd.ctr('containers', 'ls', '-q')).toBe('');
  }, 60_000);
});
