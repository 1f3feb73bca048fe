/** Volumes of real containers: in memory over a crash of the node, larger than they may be, tokens, devices. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterClient } from '../support/cluster-client.ts';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const podsPath = '/api/v1/namespaces/default/pods';
const claimsPath = '/api/v1/namespaces/default/persistentvolumeclaims';
// oxlint-disable-next-line no-explicit-any
type Shown = any;

function pod(
  name: string,
  script: string,
  volume: object,
  more: object = { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
) {
  const container = { name: 'c', image: 'timonel.local/node:host', command: ['sh', '-c', script], ...more };
  const spec = { terminationGracePeriodSeconds: 1, restartPolicy: 'Never', containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...spec, volumes: [{ name: 'v', ...volume }] } };
}

const inMemory = { emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } };
const stay = 'echo kept > /v/file; exec sleep 100000';
const mib = 2 ** 20;

describe('volumes of real containers', () => {
  let before: readonly string[];
  let scratch: string;
  let cluster: TestCluster;
  let client: ClusterClient;

  const get = (name: string): Promise<Shown> => client.ask('GET', `${podsPath}/${name}`);
  const create = (object: object): Promise<Shown> => client.ask('POST', podsPath, object);
  const untilPhase = async (name: string, phase: string): Promise<Shown> => {
    let last: Shown;
    return until(
      async () => {
        last = await get(name);
        return last.status.phase === phase ? last : undefined;
      },
      { what: () => `${name} to be ${phase}: ${JSON.stringify(last?.status)}`, timeoutMs: 20_000 },
    );
  };
  const logs = async (name: string): Promise<string> => (await cluster.kubectl(['logs', name])).stdout;
  const exec = async (name: string, ...command: string[]): Promise<string> =>
    (await cluster.kubectl(['exec', name, '--', ...command])).stdout.trim();
  const mountsOf = (uid: string): string[] =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(uid) && line.includes('timonel-memory'));

  beforeAll(async () => {
    before = traces();
    scratch = mkdtempSync(join(tmpdir(), 'timonel-node-volumes-'));
    const config = join(scratch, 'timonel.yaml');
    writeFileSync(config, JSON.stringify({ plugins: { 'node-agent': { config: { evictionIntervalMs: 500 } } } }));
    cluster = await TestCluster.start({ args: ['--config', config] });
    client = new ClusterClient(cluster.kubeconfig);
  }, 60_000);
  afterAll(async () => {
    client?.close();
    await cluster?.dispose();
    rmSync(scratch, { recursive: true, force: true });
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('in memory outlive a crash of the node, and go with their pods, also with those that were ending then', async () => {
    await Promise.all(['keeper', 'leaver'].map((name) => create(pod(name, stay, inMemory))));
    const [keeper, leaver] = await Promise.all(['keeper', 'leaver'].map((name) => untilPhase(name, 'Running')));
    expect(await exec('keeper', 'sh', '-c', 'df -B1 --output=size /v | tail -1')).toBe(String(8 * mib));
    expect([keeper, leaver].map(({ metadata }) => mountsOf(metadata.uid).length)).toEqual([1, 1]);
    await client.ask('DELETE', `${podsPath}/leaver`);
    client.close();
    await cluster.signal('SIGKILL');
    await cluster.up();
    client = new ClusterClient(cluster.kubeconfig);
    await until(() => mountsOf(leaver.metadata.uid).length === 0, { what: 'the volume to go', timeoutMs: 20_000 });
    const after = await get('keeper');
    expect(after.status.containerStatuses[0].containerID).toBe(keeper.status.containerStatuses[0].containerID);
    expect(await exec('keeper', 'cat', '/v/file')).toBe('kept');
    await client.ask('DELETE', `${podsPath}/keeper`);
    await until(() => mountsOf(keeper.metadata.uid).length === 0, { what: 'the volume to go', timeoutMs: 20_000 });
  }, 60_000);

  it('that take more than they may get their pod evicted', async () => {
    const script = 'head -c 4000000 /dev/zero > /v/file; exec sleep 100000';
    await create(pod('greedy', script, { emptyDir: { sizeLimit: '1Mi' } }));
    const { status } = await untilPhase('greedy', 'Failed');
    expect(status).toMatchObject({
      reason: 'Evicted',
      message: 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
    });
  }, 40_000);

  it('hold tokens of the service account, for whom they are meant, for a while, bound to the pod', async () => {
    const source = { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } };
    await client.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } });
    const asking = pod('token', 'cat /v/token', { projected: { sources: [source] } });
    const made = await create({ ...asking, spec: { ...asking.spec, serviceAccountName: 'robot' } });
    await untilPhase('token', 'Succeeded');
    const [, body = ''] = (await logs('token')).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    expect(claims).toMatchObject({
      aud: ['vault'],
      sub: 'system:serviceaccount:default:robot',
      'kubernetes.io': { pod: { name: 'token', uid: made.metadata.uid } },
    });
    expect(claims.exp - claims.iat).toBe(600);
  }, 30_000);

  it('follow their object, but for parts of them that are mounted alone', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const configMap = { metadata: { name: 'c' }, data: { key: 'old' } };
    await client.ask('POST', path, configMap);
    const script = 'echo first; until grep -q new /v/key; do sleep 0.05; done; cat /part';
    const volumeMounts = [
      { name: 'v', mountPath: '/v' },
      { name: 'v', mountPath: '/part', subPath: 'key' },
    ];
    await create(pod('parts', script, { configMap: { name: 'c' } }, { volumeMounts }));
    await until(async () => (await logs('parts')) !== '', { what: 'its first line', timeoutMs: 20_000 });
    await client.ask('PUT', `${path}/c`, { ...configMap, data: { key: 'new' } });
    await untilPhase('parts', 'Succeeded');
    expect((await logs('parts')).split('\n').slice(0, 2)).toEqual(['first', 'old']);
  }, 30_000);

  it('are devices where their mode is Block', async () => {
    const image = join(scratch, 'device');
    writeFileSync(image, Buffer.alloc(mib, 'x'));
    const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      const shared = { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeMode: 'Block' };
      await client.ask('POST', '/api/v1/persistentvolumes', {
        metadata: { name: 'disk' },
        spec: { ...shared, capacity: { storage: '1Mi' }, local: { path: device }, nodeAffinity: onlyHere },
      });
      const resources = { requests: { storage: '1Mi' } };
      await client.ask('POST', claimsPath, { metadata: { name: 'disk' }, spec: { ...shared, resources } });
      const script = 'head -c 3 /dev/disk; test -b /dev/disk && echo yyy | dd of=/dev/disk conv=notrunc 2>/dev/null';
      const devices = { volumeDevices: [{ name: 'v', devicePath: '/dev/disk' }] };
      await create(pod('block', script, { persistentVolumeClaim: { claimName: 'disk' } }, devices));
      await untilPhase('block', 'Succeeded');
      expect((await logs('block')).trim()).toBe('xxx');
      execFileSync('sync', [device]);
      expect(readFileSync(image, 'latin1').slice(0, 5)).toBe('yyy\nx');
    } finally {
      execFileSync('losetup', ['--detach', device]);
    }
  }, 30_000);
});

const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }];
const onlyHere = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
