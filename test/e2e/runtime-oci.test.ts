/** Pods by crun, runc and the default runtime beside each other on one node, under real kubectl. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { apply, runtimeClassOf, serveTogether } from '../support/runtimes-together.ts';

const handlers = ['linux', 'crun', 'runc'] as const;

/** Of either version of control groups. */
const limit = `const { readFileSync } = require('node:fs');
  const at = (path) => { try { return readFileSync('/sys/fs/cgroup/' + path, 'utf8').trim() } catch { return '' } };
  console.log(at('memory/memory.limit_in_bytes') || at('memory.max'))`;

describe('crun and runc', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (args: readonly string[]): Promise<string> => (await cluster.mustKubectl(args)).trim();

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    for (const handler of ['crun', 'runc']) {
      await cluster.timonel('plugin', 'enable', `runtime-${handler}`);
      await apply(cluster, runtimeClassOf(handler));
    }
  }, 60_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('serve beside the default runtime: one Service, logs, sessions, a program that ends', async () => {
    await serveTogether(cluster, handlers);
    for (const handler of ['crun', 'runc']) {
      expect(await ok(['logs', handler])).toBe('serving');
      const node = (code: string): readonly string[] => ['exec', handler, '--', 'node', '-e', code];
      expect(await ok(node(`console.log(process.pid > 1, require('node:os').hostname())`))).toBe(`true ${handler}`);
      expect(await ok(node(limit))).toBe('209715200');
      expect((await cluster.kubectl(node('process.exit(9)'))).stderr).toContain('exit code 9');
    }
  }, 60_000);

  it('end with their plugin disabled and enabled again only when their pods do', async () => {
    const started = ['get', 'pod', 'crun', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}'];
    const since = await ok(started);
    await cluster.timonel('plugin', 'disable', 'runtime-crun');
    await cluster.timonel('plugin', 'enable', 'runtime-crun');
    await ok(['wait', '--for=condition=Ready', '--timeout=20s', 'pod/crun']);
    expect(await ok(started)).toBe(since);
    expect(await ok(['get', 'pod', 'crun', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'])).toBe('0');
    await ok(['delete', 'pod', ...handlers, '--timeout=25s']);
  }, 60_000);
});
