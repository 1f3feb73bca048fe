/** Every manifest in examples/, applied with real kubectl, works in real containers, and is deleted without a trace. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { works, type ObjectView } from '../support/works.ts';

const folder = join(import.meta.dirname, '..', '..', 'examples');
/** What an example needs of the configuration of the cluster. */
const configName = 'timonel.yaml';
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
const manifests = files.filter((name) => basename(name) !== configName).toSorted();
const configs = files.filter((name) => basename(name) === configName);
/** A cron job is due once a minute. */
const limitMs = 120_000;
/** Objects of the whole cluster that examples make. */
const clusterWide = 'persistentvolumes';

describe('the examples', () => {
  let before: readonly string[];
  let volumesBefore: string;
  let cluster: TestCluster;
  const namespaceOf = (manifest: string): string => manifest.replace(/\.yaml$/, '').replaceAll(/[^a-z0-9]+/g, '-');
  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  const inNamespace = (manifest: string, verb: string, ...more: string[]): Promise<string> =>
    ok(verb, '--namespace', namespaceOf(manifest), '-f', join(folder, manifest), ...more);
  const objectsOf = async (manifest: string): Promise<readonly ObjectView[]> => {
    const found = JSON.parse(await inNamespace(manifest, 'get', '-o', 'json')) as { items?: ObjectView[] };
    return found.items ?? [found as unknown as ObjectView];
  };

  beforeAll(async () => {
    before = traces();
    // One at most: a cluster has one configuration.
    expect(configs.length).toBeLessThanOrEqual(1);
    cluster = await TestCluster.start({ args: configs.flatMap((name) => ['--config', join(folder, name)]) });
    volumesBefore = await ok('get', clusterWide, '-o', 'name');
    // All at once: what takes its time does so beside the others.
    for (const manifest of manifests) {
      await ok('create', 'namespace', namespaceOf(manifest));
      await inNamespace(manifest, 'apply');
    }
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it.each(manifests)(
    '%s works',
    async (manifest) => {
      let waiting: string[] = [];
      await until(
        async () => {
          const objects = await objectsOf(manifest);
          waiting = objects
            .filter((object) => !works(object))
            .map(({ kind, metadata, status }) => `${kind} ${metadata.name}: ${JSON.stringify(status)}`);
          return objects.length > 0 && waiting.length === 0;
        },
        { what: () => `${manifest} to work:\n${waiting.join('\n')}`, timeoutMs: limitMs, intervalMs: 500 },
      );
    },
    limitMs + 10_000,
  );

  it('are applied again without a change', async () => {
    for (const manifest of manifests) {
      const generations = async (): Promise<unknown[]> =>
        (await objectsOf(manifest)).map(({ kind, metadata: { name, generation } }) => [kind, name, generation]);
      const first = await generations();
      await inNamespace(manifest, 'apply');
      expect(await generations()).toEqual(first);
    }
  }, 60_000);

  it('are deleted, and nothing of them is left', async () => {
    for (const manifest of manifests) await inNamespace(manifest, 'delete', '--wait=false');
    await ok('delete', 'namespace', ...manifests.map(namespaceOf), '--timeout=60s');
    await until(async () => (await ok('get', clusterWide, '-o', 'name')) === volumesBefore, {
      what: 'the volumes to be gone',
      timeoutMs: 30_000,
    });
    const pods = await ok('get', 'pods', '--all-namespaces', '-o', 'name');
    expect(pods).toBe('');
  }, 120_000);
});
