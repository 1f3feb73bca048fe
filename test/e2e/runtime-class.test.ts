/** Pods of several runtimes on one node, chosen by RuntimeClass, under real kubectl; and what the node's rules keep from a container. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const image = 'timonel.local/node:host';

const classOf = (name: string, handler: string, more: object = {}): object => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name },
  handler,
  ...more,
});

const podOf = (name: string, spec: object, labels: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
});

/** Answers with its name at its port. Pods of plain processes have no network of their own. */
const serving = (name: string, port: number, spec: object): object =>
  podOf(
    name,
    {
      ...spec,
      containers: [
        {
          name: 'c',
          image,
          command: [
            'node',
            '-e',
            `require('node:http').createServer((_, answer) => answer.end('${name}')).listen(${port}); process.on('SIGTERM', () => process.exit(0));`,
          ],
          ports: [{ name: 'http', containerPort: port }],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        },
      ],
    },
    { app: 'all' },
  );

interface Attempts {
  readonly uid: number;
  readonly uidMap: readonly number[];
  readonly unshare: string;
  readonly mount: string;
}

/** Prints what the kernel says to programs of the node that want more than they have. */
const attempts = `
const { spawnSync } = require('node:child_process');
const run = (program, ...args) => {
  const { status, stderr, error } = spawnSync('/tools/' + program, args, { env: { LD_LIBRARY_PATH: '/libraries' } });
  return status === 0 ? 'done' : String(error ?? stderr);
};
console.log(JSON.stringify({
  uid: process.getuid(),
  uidMap: require('node:fs').readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\\s+/).map(Number),
  unshare: run('unshare', '--user', '/tools/true'),
  mount: run('mount', '-t', 'tmpfs', 'none', '/tmp'),
}));
setInterval(() => undefined, 1000);
process.on('SIGTERM', () => process.exit(0));
`;

const trying = (name: string, spec: object, securityContext: object = {}): object => {
  const mounts = { '/tools': '/usr/bin', '/libraries': '/lib/x86_64-linux-gnu' };
  return podOf(name, {
    ...spec,
    containers: [
      {
        name: 'c',
        image,
        command: ['node', '-e', attempts],
        securityContext,
        volumeMounts: Object.keys(mounts).map((mountPath) => ({ name: mountPath.slice(1), mountPath, readOnly: true })),
      },
    ],
    volumes: Object.entries(mounts).map(([at, path]) => ({ name: at.slice(1), hostPath: { path } })),
  });
};

/** Processes of this machine that run as the user. */
function processesOf(uid: number): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const status = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/status`, 'utf8') : '';
      return new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(status);
    } catch {
      return false;
    }
  });
}

describe('runtime classes', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (args: readonly string[], input?: object): Promise<string> =>
    (await cluster.mustKubectl(args, input && JSON.stringify(input))).trim();
  const apply = (object: object): Promise<string> => ok(['apply', '-f', '-'], object);
  const jsonpath = (path: string, ...what: string[]): Promise<string> =>
    ok(['get', ...what, '-o', `jsonpath={${path}}`]);
  const ready = async (...names: string[]): Promise<void> => {
    try {
      await ok(['wait', '--for=condition=Ready', '--timeout=45s', ...names.map((name) => `pod/${name}`)]);
    } catch (error) {
      throw new Error(`${String(error)}\n${await ok(['get', 'pods,events'])}`, { cause: error });
    }
  };
  const eventsOf = (name: string): Promise<string> =>
    ok(['get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'jsonpath={.items[*].message}']);

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    await apply(classOf('isolated', 'linux', { overhead: { podFixed: { memory: '8Mi' } } }));
    await apply(classOf('plain', 'process'));
    await apply(classOf('other', 'crun'));
    await cluster.timonel('plugin', 'enable', 'runtime-crun');
  }, 60_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('a handler that the node does not have: an event says what to do, and once it is done the pods of all answer', async () => {
    await apply(serving('boxed', 8080, { runtimeClassName: 'isolated' }));
    await apply(serving('crunned', 8080, { runtimeClassName: 'other' }));
    await apply(serving('loose', 18_080, { runtimeClassName: 'plain', hostNetwork: true }));
    await until(async () => (await eventsOf('loose')).includes('run "timonel plugin enable runtime-process"'), {
      what: 'the event',
    });
    expect(await jsonpath('.spec.overhead.memory', 'pod', 'boxed')).toBe('8Mi');
    await cluster.timonel('plugin', 'enable', 'runtime-process');
    await ready('boxed', 'crunned', 'loose');
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'all' } };
    await apply({ ...service, spec: { selector: { app: 'all' }, ports: [{ port: 80, targetPort: 'http' }] } });
    const address = await jsonpath('.spec.clusterIP', 'service', 'all');
    const seen = new Set<string>();
    await until(
      async () => {
        const headers = { connection: 'close' };
        const answer = await fetch(`http://${address}/`, { headers, signal: AbortSignal.timeout(2000) }).catch(
          () => undefined,
        );
        if (answer !== undefined) seen.add(await answer.text());
        return seen.size === 3;
      },
      { what: 'answers of all pods' },
    );
    const handlers = JSON.parse(await jsonpath('.status.runtimeHandlers', 'node', 'node-1')) as { name: string }[];
    expect(handlers.map(({ name }) => name)).toEqual(['', 'crun', 'linux', 'process']);
  }, 90_000);

  it('a runtime that is disabled takes only its own pods along, which are worked on when it is back', async () => {
    const started = await jsonpath('.status.containerStatuses[0].state.running.startedAt', 'pod', 'boxed');
    await cluster.timonel('plugin', 'disable', 'runtime-process');
    await until(async () => (await eventsOf('loose')).includes('The pod is left as it is'), { what: 'the event' });
    await ok(['exec', 'boxed', '--', 'node', '-e', '0']);
    await ok(['delete', 'pod', 'loose', '--wait=false']);
    await cluster.timonel('plugin', 'enable', 'runtime-process');
    await ok(['wait', '--for=delete', '--timeout=15s', 'pod/loose']);
    expect(await jsonpath('.status.containerStatuses[0].state.running.startedAt', 'pod', 'boxed')).toBe(started);
    await cluster.timonel('plugin', 'disable', 'runtime-process');
  }, 60_000);

  it('unknown classes and forbidden sysctls are refused with the reason', async () => {
    const nameless = await cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify(podOf('lost', { runtimeClassName: 'nowhere', containers: [{ name: 'c', image }] })),
    });
    expect(nameless.stderr).toContain('RuntimeClass "nowhere" not found');
    const securityContext = { sysctls: [{ name: 'kernel.msgmax', value: '1' }] };
    await apply(podOf('greedy', { securityContext, containers: [{ name: 'c', image }] }));
    await until(async () => (await ok(['get', 'pod', 'greedy'])).includes('SysctlForbidden'), { what: 'the refusal' });
    expect(await ok(['describe', 'pod', 'greedy'])).toContain('forbidden sysctl: "kernel.msgmax" not allowlisted');
  }, 30_000);

  it('what the security context says reaches the container, also in a user namespace', async () => {
    const look = `
      const fs = require('node:fs');
      const attempt = (work) => { try { return work(); } catch (error) { return error.code; } };
      fs.writeFileSync('/scratch/mine', 'x');
      const { uid, gid } = fs.statSync('/scratch/mine');
      console.log(JSON.stringify({
        user: [process.getuid(), process.getgid()],
        groups: process.getgroups().sort((a, b) => a - b),
        file: [uid, gid],
        port: fs.readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim(),
        config: fs.readFileSync('/config/key', 'utf8'),
        readOnly: attempt(() => fs.writeFileSync('/fixed/mine', 'x')),
      }));
    `;
    await ok(['create', 'configmap', 'settings', '--from-literal=key=value']);
    const mountOf = (name: string, more: object = {}): object => ({ name, mountPath: `/${name}`, ...more });
    await apply(
      podOf('shaped', {
        hostUsers: false,
        restartPolicy: 'Never',
        securityContext: {
          runAsUser: 1000,
          runAsGroup: 2000,
          fsGroup: 3000,
          supplementalGroups: [4000],
          supplementalGroupsPolicy: 'Strict',
          sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }],
        },
        containers: [
          {
            name: 'c',
            image,
            command: ['node', '-e', look],
            volumeMounts: [
              mountOf('scratch'),
              mountOf('config', { readOnly: true }),
              mountOf('fixed', { readOnly: true, recursiveReadOnly: 'Enabled' }),
            ],
          },
        ],
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'fixed', emptyDir: {} },
          { name: 'config', configMap: { name: 'settings' } },
        ],
      }),
    );
    await ok(['wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=20s', 'pod/shaped']);
    expect(JSON.parse(await ok(['logs', 'shaped']))).toEqual({
      user: [1000, 2000],
      groups: [2000, 3000, 4000],
      file: [1000, 3000],
      port: '80',
      config: 'value',
      readOnly: 'EROFS',
    });
  }, 30_000);

  it('a user namespace of its own: root inside is nobody outside; system calls are filtered, unless the pod says otherwise', async () => {
    await apply(trying('mapped', { hostUsers: false }));
    await apply(trying('usual', {}));
    await apply(trying('open', {}, { seccompProfile: { type: 'Unconfined' } }));
    await ready('mapped', 'usual', 'open');
    const seen = async (name: string): Promise<Attempts> => JSON.parse(await ok(['logs', name])) as Attempts;
    const [mapped, usual, open] = [await seen('mapped'), await seen('usual'), await seen('open')];
    expect(mapped.uid).toBe(0);
    expect(mapped.uidMap).toEqual([0, expect.any(Number), 65_536]);
    const [, outside = 0] = mapped.uidMap;
    expect(outside).toBeGreaterThanOrEqual(65_536);
    expect(processesOf(outside)).not.toEqual([]);
    expect(usual.uidMap[1]).toBe(0);
    for (const each of [mapped, usual]) {
      expect(each.unshare).toContain('unshare failed: Operation not permitted');
      expect(each.mount).toContain('permission denied');
    }
    expect(open.unshare).toBe('done');
    expect(open.mount).toContain('permission denied');
  }, 60_000);
});
