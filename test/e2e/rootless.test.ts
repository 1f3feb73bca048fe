/** A cluster of an ordinary user: the built command, real containers in user namespaces, real kubectl. */
import { chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pod, Service } from '@timonel/sdk/kube';
import { command, runProgram, TestCluster, type RunResult } from '../support/cluster.ts';
import { OrdinaryUser, uid } from '../support/ordinary-user.ts';
import { startRegistry, type DockerRegistry } from '../support/registry/index.ts';
import { until } from '../support/until.ts';

const busybox = '/bin/busybox';
const host = 'timonel.local/node:host';
for (const [file, name] of [
  [busybox, 'busybox-static'],
  ['/usr/bin/newuidmap', 'uidmap'],
] as const) {
  if (!existsSync(file)) throw new Error(`${file} is missing: apt-get install -y --no-install-recommends ${name}`);
}
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

interface PodEvent {
  readonly involvedObject: { readonly name: string };
  readonly reason: string;
  readonly message: string;
}

/** One cluster of one user. */
class Bed {
  readonly user: OrdinaryUser;
  cluster!: TestCluster;

  constructor(ids: 'many' | 'one') {
    this.user = new OrdinaryUser(ids);
  }

  async start(): Promise<void> {
    const dataDir = join(this.user.home, 'data');
    const wrap = (words: readonly string[]): readonly string[] => this.user.words(words);
    this.cluster = await TestCluster.start({ dataDir, wrap, readyText: 'is Ready' });
  }

  async apply(...objects: object[]): Promise<void> {
    const items = objects.map((object) => ({ apiVersion: 'v1', ...object }));
    const list = { apiVersion: 'v1', kind: 'List', items };
    const { status, stderr } = await this.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }

  async pods(selector = ''): Promise<readonly Pod[]> {
    const result = await this.cluster.kubectl(['get', 'pods', '-o', 'json', '-l', selector]);
    return (JSON.parse(result.stdout) as { items: Pod[] }).items;
  }

  async pod(name: string): Promise<Pod | undefined> {
    return (await this.pods()).find(({ metadata }) => metadata.name === name);
  }

  async running(...names: string[]): Promise<void> {
    let seen: unknown;
    const areRunning = async (): Promise<boolean> => {
      const pods = (await this.pods()).filter(({ metadata }) => names.includes(metadata.name ?? ''));
      seen = pods.map(({ metadata, status }) => [
        metadata.name,
        status?.phase,
        status?.containerStatuses?.map(({ state }) => state),
      ]);
      return pods.length === names.length && pods.every(({ status }) => status?.phase === 'Running');
    };
    await until(areRunning, { timeoutMs: 20_000, what: () => `${names.join()} run, but: ${JSON.stringify(seen)}` });
  }

  /** What the events of an object say, until one of this reason is there. */
  async event(pod: string, reason: string): Promise<string> {
    let message = '';
    const come = async (): Promise<boolean> => {
      const result = await this.cluster.kubectl(['get', 'events', '-o', 'json']);
      const { items } = JSON.parse(result.stdout) as { items: PodEvent[] };
      message = items.find((event) => event.involvedObject.name === pod && event.reason === reason)?.message ?? '';
      return message !== '';
    };
    await until(come, { timeoutMs: 15_000, what: () => `the event ${reason} of ${pod}` });
    return message;
  }

  exec(pod: string, ...words: string[]): Promise<RunResult> {
    return this.cluster.kubectl(['exec', pod, '--', ...words]);
  }

  async stop(): Promise<void> {
    await this.cluster?.signal('SIGINT');
    this.user.remove();
  }
}

interface Container {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly [field: string]: unknown;
}

function pod(name: string, container: Container, spec: object = {}): object {
  const containers = [{ name: 'main', image: host, command: ['sleep', '1000'], ...container }];
  return { kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers, ...spec } };
}

/** The body of http://127.0.0.1:PORT/, by a connection of its own. */
function fetched(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, agent: false, timeout: 3000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.once('end', () => resolve(body));
    });
    asking.once('error', reject).once('timeout', () => asking.destroy(new Error('no answer')));
    asking.end();
  });
}

const server = "require('http').createServer((_, answer) => answer.end(require('os').hostname())).listen(80)";
const client =
  "require('http').get('http://web/', (answer) => answer.pipe(process.stdout)).on('error', (error) => console.log(error.code))";

describeAsRoot('a cluster of an ordinary user with ids of its own', () => {
  const bed = new Bed('many');
  let nodePort: number;
  let registry: DockerRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
    await bed.start();
    const web = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [{ name: 'main', image: host, command: ['node', '-e', server] }],
          },
        },
      },
    };
    const service = {
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] },
    };
    const mounts = [{ name: 'shared', mountPath: '/shared' }];
    await bed.apply(
      web,
      service,
      pod('other', { command: ['sh', '-c', 'echo hello from a log; exec sleep 1000'] }),
      pod(
        'as-user',
        { securityContext: { runAsUser: 1000, runAsGroup: 1001 }, volumeMounts: mounts },
        { securityContext: { fsGroup: 2000 }, volumes: [{ name: 'shared', emptyDir: {} }] },
      ),
      pod('crashing', { command: ['sh', '-c', 'sleep 0.2; exit 3'] }),
      pod('with-users', {}, { hostUsers: false }),
      pod('limited', { resources: { limits: { memory: '64Mi', cpu: '100m' } } }),
      pod(
        'curious',
        { securityContext: { privileged: true }, volumeMounts: [{ name: 'host', mountPath: '/host' }] },
        { hostPID: true, hostNetwork: true, hostIPC: true, volumes: [{ name: 'host', hostPath: { path: '/' } }] },
      ),
    );
    await bed.running('other', 'as-user', 'limited', 'curious');
    const { stdout } = await bed.cluster.kubectl(['get', 'service', 'web', '-o', 'json']);
    nodePort = (JSON.parse(stdout) as Service).spec.ports?.[0]?.nodePort ?? 0;
    await until(async () => (await bed.pods('app=web')).every(({ status }) => status?.phase === 'Running'), {
      timeoutMs: 15_000,
      what: 'both pods of the deployment run',
    });
  }, 90_000);

  afterAll(async () => {
    await bed.stop();
    await registry?.stop();
  }, 40_000);

  it('says what it lacks, and is not a cluster of plain processes', () => {
    expect(bed.cluster.output).toContain('Rootless: the node runs in namespaces of this user.');
    expect(bed.cluster.output).not.toContain('/etc/subuid gives this user less');
    expect(bed.cluster.output).toMatch(/Timonel, profile all-in-one, /);
  });

  it('has pods that reach each other by services, and node ports on the machine', async () => {
    const names = (await bed.pods('app=web')).map(({ metadata }) => metadata.name);
    const inside = await bed.exec('other', 'node', '-e', client);
    expect(names).toContain(inside.stdout);
    expect(names).toContain(await fetched(nodePort));
  });

  it('executes, shows logs, and starts containers again that end', async () => {
    expect((await bed.cluster.kubectl(['logs', 'other'])).stdout).toBe('hello from a log\n');
    await until(async () => ((await bed.pod('crashing'))?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0, {
      timeoutMs: 20_000,
      what: 'the container that ended was started again',
    });
  });

  it('lets containers replace directories of their images', async () => {
    const { stdout, stderr } = await bed.exec(
      'other',
      'sh',
      '-c',
      'rm -r /home/node; mkdir /home/node; ls -A /home/node',
    );
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  });

  it('runs containers as users other than root, with groups of their own', async () => {
    const { stdout } = await bed.exec('as-user', 'sh', '-c', 'id; touch /shared/file; ls -n /shared/file');
    expect(stdout).toMatch(/^uid=1000\S* gid=1001\S* groups=1001\S*,2000\S*\n\S+ 1 1000 2000 /);
  });

  it('refuses user namespaces of pods, and says which limits it does not enforce', async () => {
    expect(await bed.event('with-users', 'FailedCreatePodSandBox')).toContain('has no user namespaces on this node');
    expect(await bed.event('limited', 'LimitsNotEnforced')).toContain('are not enforced');
  });

  it('gives nothing of the machine to a pod that asks for all of it, but what its user has', async () => {
    const { stdout } = await bed.exec('curious', 'sh', '-c', 'cat /proc/[0-9]*/comm; cat /host/etc/shadow; id -u');
    expect(stdout).toContain('timonel-monitor');
    expect(stdout).not.toContain('jest');
    expect(stdout).not.toContain('root:');
    const denied = await bed.exec(
      'curious',
      'sh',
      '-c',
      'echo 1 > /host/etc/timonel-was-here; /host/bin/busybox mknod /dev/sda b 8 0',
    );
    expect(denied.stderr).toMatch(/Permission denied[\s\S]*Operation not permitted/);
    const devices = (await bed.exec('curious', 'ls', '/dev')).stdout.split('\n');
    expect(devices.filter((name) => /^(sd|vd|kmsg|mem|fuse)/.test(name))).toEqual([]);
  });

  it('pulls and pushes images by the network of the machine', async () => {
    const rootfs = mkdtempSync(join(tmpdir(), 'timonel-rootless-image-'));
    try {
      mkdirSync(join(rootfs, 'bin'));
      copyFileSync(busybox, join(rootfs, 'bin', 'busybox'));
      for (const path of [rootfs, join(rootfs, 'bin')]) chownSync(path, uid, uid);
      const name = `${registry.host}/shop/app:1`;
      const image = (...words: string[]): Promise<RunResult> => bed.cluster.timonel('image', ...words);
      expect(await image('build', rootfs, name, '--cmd', '/bin/busybox,sleep,1000')).toMatchObject({ status: 0 });
      expect(await image('push', name)).toMatchObject({ status: 0 });
      expect(await image('rm', name)).toMatchObject({ status: 0 });
      await bed.apply(pod('pulled', { image: name, command: ['/bin/busybox', 'sleep', '1000'] }));
      await bed.running('pulled');
    } finally {
      rmSync(rootfs, { recursive: true, force: true });
    }
  });

  it('goes on with its containers after both of its processes were killed', async () => {
    const startedAt = (await bed.pod('other'))?.status?.containerStatuses?.[0]?.state?.running?.startedAt;
    const inner = bed.user.processes().find((text) => /^\d+ \S*node /.test(text) && text.includes(' up ')) ?? '';
    process.kill(Number(inner.split(' ')[0]), 'SIGKILL');
    await bed.cluster.signal('SIGKILL');
    await bed.cluster.up('is Ready');
    await bed.running('other');
    expect((await bed.pod('other'))?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      state: { running: { startedAt } },
    });
    await until(
      () =>
        fetched(nodePort).then(
          () => true,
          () => false,
        ),
      {
        timeoutMs: 10_000,
        what: 'the node port is open again',
      },
    );
  }, 40_000);

  it('leaves nothing behind, and its user can remove its files', async () => {
    expect(await bed.cluster.signal('SIGINT')).toBe(0);
    await until(() => bed.user.processes().length === 0, {
      timeoutMs: 5000,
      what: () => `no process is left, but: ${bed.user.processes().join('; ')}`,
    });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bed.user.home);
    const [program = '', ...words] = bed.user.words([
      process.execPath,
      command,
      'unshare',
      'rm',
      '-rf',
      bed.cluster.dataDir,
    ]);
    expect(await runProgram(program, words)).toMatchObject({ status: 0, stderr: '' });
    expect(() => readFileSync(join(bed.cluster.dataDir, 'timonel.log'))).toThrow('ENOENT');
    expect(bed.user.processes()).toEqual([]);
  }, 30_000);
});

describeAsRoot('a cluster of an ordinary user with one id alone', () => {
  const bed = new Bed('one');

  beforeAll(async () => {
    await bed.start();
    const as = (runAsUser: number): Container => ({ securityContext: { runAsUser } });
    await bed.apply(
      pod('as-root', { tty: true, command: ['sh', '-c', 'test -t 1 && exec sleep 1000'] }),
      pod('as-user', as(1000), { automountServiceAccountToken: false }),
      pod('as-user-with-token', as(1000)),
      pod('in-group', {}, { securityContext: { fsGroup: 5 } }),
    );
    await bed.running('as-root');
  }, 60_000);

  afterAll(() => bed.stop(), 40_000);

  it('says so, and runs containers as root of their images', async () => {
    expect(bed.cluster.output).toContain('/etc/subuid gives this user less than 65536 ids');
    expect((await bed.exec('as-root', 'id')).stdout).toMatch(/^uid=0\(root\) gid=0\(root\)/);
  });

  it('refuses other users and groups with what to do', async () => {
    expect(await bed.event('as-user', 'Failed')).toMatch(/user 1000:1000 is not among the ids .* \/etc\/subuid/);
    expect(await bed.event('as-user-with-token', 'FailedMount')).toMatch(/user 1000 .* is not among the ids .*subgid/);
    expect(await bed.event('in-group', 'FailedCreatePodSandBox')).toMatch(/group 5 is not among the ids .*subgid/);
  });

  it('leaves nothing behind', async () => {
    expect(await bed.cluster.signal('SIGINT')).toBe(0);
    expect(bed.user.processes()).toEqual([]);
  }, 30_000);
});
