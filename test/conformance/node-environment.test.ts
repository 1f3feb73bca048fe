/** What containers find around them on a real node: variables, files of the host name, users, kernel settings. */
import { describe, expect, it } from '@jest/globals';
import { parseQuantity } from '@timonel/sdk/kube';
import { once, sh, steady } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();
const print = (more: object): object => sh('', { command: ['env'], ...more });
const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const resource = (name: string, of: string): object => ({ name, valueFrom: { resourceFieldRef: { resource: of } } });

describe('node: environment', () => {
  node.object('ConfigMap', 'env', { data: { 'key-1': 'config-1', key_2: 'config-2' } });
  node.object('Secret', 'env', { stringData: { 'key-1': 'secret-1', key_2: 'secret-2' } });
  const cases = [
    ['ConfigMap', 'config', 'configMapKeyRef', 'configMapRef'],
    ['Secret', 'secret', 'secretKeyRef', 'secretRef'],
  ] as const;
  const tests = cases.map(([kind, prefix, key, all]) => {
    const env = [{ name: 'ONE', valueFrom: { [key]: { name: 'env', key: 'key-1' } } }];
    const envFrom = [{ [all]: { name: 'env' } }, { [all]: { name: 'env' }, prefix: 'p-.' }];
    return { kind, prefix, pod: node.pod(`env-${prefix}`, once(print({ env, envFrom }))) };
  });
  const expanded = node.pod(
    'expanded',
    once(
      sh('', {
        env: [
          { name: 'A', value: 'a' },
          { name: 'B', value: '$(A)-b $$(A) $(NONE)' },
        ],
        command: ['sh', '-c', 'echo "$B"; echo "$0"; echo "$1"', 'command $(A)'],
        args: ['argument $(B)'],
      }),
    ),
  );
  const volumes = [{ name: 'v', emptyDir: {} }];
  const sub = (subPathExpr: string, value: string, script = 'exit 0'): object =>
    sh(script, {
      env: [field('POD', 'metadata.name'), { name: 'PART', value }],
      volumeMounts: [
        { name: 'v', mountPath: '/sub', subPathExpr },
        { name: 'v', mountPath: '/all' },
      ],
    });
  const good = node.pod(
    'sub-good',
    once(sub('$(POD)/$(PART)', 'x', 'echo kept > /sub/f; cat /all/sub-good/x/f'), { volumes }),
  );
  const ticks = node.pod('sub-ticks', once(sub('$(PART)', '..'), { volumes }));
  const absolute = node.pod('sub-absolute', once(sub('$(PART)', '/tmp'), { volumes }));

  const mended = node.pod(
    'sub-mended',
    steady(
      sh('touch /sub/f; exec sleep 3600', {
        env: [field('PART', "metadata.annotations['part']")],
        volumeMounts: [{ name: 'v', mountPath: '/sub', subPathExpr: '$(PART)' }],
      }),
      { volumes },
    ),
    { annotations: { part: '/absolute' } },
  );

  it.each(tests)('takes one key of a $kind, and all of them, also with prefixes', async ({ prefix, pod }) => {
    expect(await pod.values()).toMatchObject({
      ONE: `${prefix}-1`,
      'key-1': `${prefix}-1`,
      key_2: `${prefix}-2`,
      'p-.key-1': `${prefix}-1`,
      FROM_IMAGE: 'yes',
    });
  });
  it('names are expanded in variables, command and arguments', async () => {
    const value = 'a-b $(A) $(NONE)';
    expect(await expanded.output()).toBe(`${value}\ncommand a\nargument ${value}\n`);
  });
  it('leads to directories of a volume by subPathExpr', async () => {
    expect(await good.output()).toBe('kept\n');
  });
  it.each([
    ['leads out of the volume', ticks],
    ['is absolute', absolute],
  ])('a subPathExpr that %s is refused', async (_what, pod) => {
    const { state } = await pod.container('to wait', (status) => status.state.waiting?.message);
    expect(state.waiting.reason).toBe('CreateContainerConfigError');
  });
  it('a bad subPathExpr is mended while the pod fails by it', async () => {
    await mended.container('to wait', ({ state }) => state.waiting?.reason === 'CreateContainerConfigError');
    await mended.patch({ metadata: { annotations: { part: 'good' } } });
    await mended.ready();
  });
});

describe('node: downward API in the environment', () => {
  const resources = { limits: { cpu: '1250m', memory: '64Mi' }, requests: { cpu: '150m', memory: '32Mi' } };
  const fields = [
    field('NAME', 'metadata.name'),
    field('NAMESPACE', 'metadata.namespace'),
    field('IP', 'status.podIP'),
    field('HOST', 'status.hostIP'),
    field('HOSTS', 'status.hostIPs'),
    field('ID', 'metadata.uid'),
    resource('CPU', 'limits.cpu'),
    resource('MEMORY', 'limits.memory'),
    resource('CPU_REQUEST', 'requests.cpu'),
    resource('MEMORY_REQUEST', 'requests.memory'),
  ];
  const pod = node.pod('down-env', once(print({ env: fields, resources })));
  const open = node.pod('down-open', once(print({ env: fields.slice(6, 8) })));

  it('shows name, namespace and address of the pod', async () => {
    const { podIP: IP } = (await pod.untilPhase('Succeeded')).status;
    expect(await pod.values()).toMatchObject({ NAME: 'down-env', NAMESPACE: 'default', IP });
  });
  it('shows the addresses of the host', async () => {
    const { hostIP } = (await pod.untilPhase('Succeeded')).status;
    expect(await pod.values()).toMatchObject({ HOST: hostIP, HOSTS: hostIP });
  });
  it('shows the uid of the pod', async () => {
    expect((await pod.values())['ID']).toBe(pod.now.metadata.uid);
  });
  it('shows limits and requests', async () => {
    const sizes = { MEMORY: String(64 << 20), MEMORY_REQUEST: String(32 << 20) };
    expect(await pod.values()).toMatchObject({ CPU: '2', CPU_REQUEST: '1', ...sizes });
  });
  it('shows what the node has, without limits', async () => {
    const { cpu, memory } = (await node.api.ask('GET', '/api/v1/nodes/node-1')).status.allocatable;
    const values = { CPU: String(Math.ceil(Number(parseQuantity(cpu)))), MEMORY: String(parseQuantity(memory)) };
    expect(await open.values()).toMatchObject(values);
  });
});

describe('node: files of the host name', () => {
  const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];
  const pod = node.pod('hosts', once(sh('cat /etc/hosts; hostname'), { hostAliases }));
  const own = { volumeMounts: [{ name: 'v', mountPath: '/etc/hosts', subPath: 'file' }] };
  node.object('ConfigMap', 'hosts', { data: { file: 'mine' } });
  const mounted = node.pod(
    'hosts-own',
    once([sh('cat /etc/hosts'), sh('cat /etc/hosts; echo', { ...own, name: 'own' })], {
      volumes: [{ name: 'v', configMap: { name: 'hosts' } }],
    }),
  );

  it('name what hostAliases say', async () => {
    expect(await pod.output()).toMatch(/^123\.45\.67\.89\tfoo\tbar$/m);
  });
  it('/etc/hosts is managed, but where a container mounts its own', async () => {
    const text = await mounted.output();
    expect(text).toMatch(/^# Kubernetes-managed hosts file/);
    expect(text).toContain(`${mounted.now.status.podIP}\thosts-own\n`);
    expect(await mounted.logs('own')).toBe('mine\n');
  });
});

describe('node: security context', () => {
  const who = 'echo $(id -u) $(id -g)';
  const of = (name: string, script: string, securityContext: object, pod: object = {}) =>
    node.pod(`secure-${name}`, once(sh(script, { securityContext }), { securityContext: pod }));
  const user = of('user', who, { runAsUser: 65534 });
  const group = of('group', who, {}, { runAsUser: 1001, runAsGroup: 2002 });
  const inner = of('inner', who, { runAsUser: 1003, runAsGroup: 2003 }, { runAsUser: 1001, runAsGroup: 2002 });
  const plain = of('plain', 'mount -t tmpfs none /tmp 2>/dev/null || echo refused', { privileged: false });
  const writes = 'touch /file 2>/dev/null && echo written || echo refused';
  const locked = of('locked', writes, { readOnlyRootFilesystem: true });
  const open = of('open', writes, { readOnlyRootFilesystem: false });
  const stays = of('stays', '/bin/as-root', { runAsUser: 1000, allowPrivilegeEscalation: false });

  it('sets the user of a container', async () => {
    expect(await user.output()).toMatch(/^65534 /);
  });
  it('sets user and group of all containers of a pod, or of one', async () => {
    expect(await group.output()).toBe('1001 2002\n');
    expect(await inner.output()).toBe('1003 2003\n');
    const [{ user: shown }] = inner.now.status.containerStatuses;
    expect(shown.linux).toMatchObject({ uid: 1003, gid: 2003 });
  });
  it('privileged: false keeps a container from mounting', async () => {
    expect(await plain.output()).toBe('refused\n');
  });
  it('makes the root file system read-only, or leaves it', async () => {
    expect(await locked.output()).toBe('refused\n');
    expect(await open.output()).toBe('written\n');
  });
  it('allowPrivilegeEscalation: false holds a program that is set-user-ID', async () => {
    expect(await stays.output()).toBe('1000 1000\n');
  });
});

describe('node: sysctls', () => {
  const of = (name: string, value: string) => ({ securityContext: { sysctls: [{ name, value }] } });
  const safe = node.pod(
    'sysctl-safe',
    once(sh('cat /proc/sys/kernel/shm_rmid_forced'), of('kernel.shm_rmid_forced', '1')),
  );
  const unsafe = node.pod('sysctl-unsafe', once(sh('exit 0'), of('kernel.msgmax', '10000000000')));

  it('that are safe are set', async () => {
    expect(await safe.output()).toBe('1\n');
  });
  it('that are not safe are refused by the node', async () => {
    const { status } = await unsafe.untilPhase('Failed');
    expect(status.reason).toBe('SysctlForbidden');
  });
});
