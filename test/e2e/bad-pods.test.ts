/**
 * Pods that cannot run as they were written: each ends in the reason and message that the kubelet would give it, on the pod and as an
 * event, and nothing of it troubles the node.
 */
import { describe, expect, it } from '@jest/globals';
import { idle, once, sh, steady } from '../conformance/support/real/containers.ts';
import { mounts } from '../conformance/support/real/keyed-volumes.ts';
import { realNode } from '../conformance/support/real/real-node.ts';
import type { Shown } from '../conformance/support/real/real-pod.ts';

const node = realNode();
node.object('ConfigMap', 'cm', { data: { file: 'text' }, binaryData: { bytes: 'AP8=' } });
node.object('Secret', 'secret', { data: { nul: 'YQBi', latin: '/w==' } });
const well = node.pod('well', steady(idle()));

const env = (valueFrom: object): object => once(idle({ env: [{ name: 'A', valueFrom }] }));
/** With a volume at /v, or elsewhere. */
const volume = (source: object, mount: object = {}): object => {
  const { volumes } = mounts({ v: source });
  return once(idle({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }), { volumes });
};
const secure = (securityContext: object): object => once(idle({ securityContext }));
const limited = (limits: object, script = 'exit 0'): object => once(sh(script, { resources: { limits } }));
const placed = (more: object): object => once(idle(more), { nodeName: 'node-1' });
const hostPath = (path: string, type: string): object => ({ hostPath: { path, type } });
const subPath = (path: string, mountPath: string): object =>
  volume({ configMap: { name: 'cm' } }, { subPath: path, mountPath });

type Row = readonly [name: string, spec: object, reason: string, message: RegExp, event?: RegExp];

/** The container waits, for this reason. */
const waiting: readonly Row[] = [
  [
    'image-name',
    once(idle({ image: 'Bad Image!!' })),
    'InvalidImageName',
    /not an image name/,
    /^InspectFailed: Failed to apply default image tag "Bad Image!!"/,
  ],
  [
    'image-absent',
    once(idle({ image: '127.0.0.1:1/none:1' })),
    'ImagePullBackOff',
    /^Back-off pulling image "127.0.0.1:1\/none:1": .*no connection/,
    /^Failed: Failed to pull image "127.0.0.1:1\/none:1": /,
  ],
  [
    'image-never',
    once(idle({ image: 'timonel.test/none:1', imagePullPolicy: 'Never' })),
    'ErrImageNeverPull',
    /not on this node/,
    /^ErrImageNeverPull: Container image "timonel.test\/none:1" is not present with pull policy of Never$/,
  ],
  [
    'configmap-absent',
    env({ configMapKeyRef: { name: 'none', key: 'k' } }),
    'CreateContainerConfigError',
    /^configmap "none" not found$/,
  ],
  [
    'key-absent',
    env({ configMapKeyRef: { name: 'cm', key: 'k' } }),
    'CreateContainerConfigError',
    /^couldn't find key k in ConfigMap default\/cm$/,
  ],
  [
    'key-of-bytes',
    env({ configMapKeyRef: { name: 'cm', key: 'bytes' } }),
    'CreateContainerConfigError',
    /^couldn't find key bytes/,
  ],
  [
    'secret-key-absent',
    env({ secretKeyRef: { name: 'secret', key: 'k' } }),
    'CreateContainerConfigError',
    /^couldn't find key k in Secret default\/secret$/,
  ],
  ['secret-with-nul', env({ secretKeyRef: { name: 'secret', key: 'nul' } }), 'CreateContainerConfigError', /not text/],
  ['secret-no-utf8', env({ secretKeyRef: { name: 'secret', key: 'latin' } }), 'CreateContainerConfigError', /not text/],
  [
    'env-from-absent',
    once(idle({ envFrom: [{ secretRef: { name: 'none' } }] })),
    'CreateContainerConfigError',
    /^secret "none" not found$/,
  ],
  [
    'resource-of-nobody',
    env({ resourceFieldRef: { resource: 'limits.cpu', containerName: 'other' } }),
    'CreateContainerConfigError',
    /^container other not found$/,
  ],
  [
    'root-by-image',
    secure({ runAsNonRoot: true }),
    'CreateContainerConfigError',
    /^container has runAsNonRoot and image will run as root \(pod: "root-by-image_default\(.*\)", container: c\)$/,
  ],
  [
    'root-by-number',
    secure({ runAsNonRoot: true, runAsUser: 0 }),
    'CreateContainerConfigError',
    /^container's runAsUser breaks non-root policy/,
  ],
  [
    'capability-unknown',
    secure({ capabilities: { add: ['NOT_ONE'] } }),
    'CreateContainerConfigError',
    /unknown capability "NOT_ONE"/,
  ],
  [
    'seccomp-absent',
    secure({ seccompProfile: { type: 'Localhost', localhostProfile: 'none.json' } }),
    'CreateContainerConfigError',
    /"none.json" is not on this node/,
  ],
  ['argument-with-nul', once(sh('a\0b')), 'CreateContainerConfigError', /contains a NUL character/],
  [
    'message-path-relative',
    once(idle({ terminationMessagePath: 'x/y' })),
    'CreateContainerConfigError',
    /"x\/y" is not absolute/,
  ],
  ['over-the-root', volume({ emptyDir: {} }, { mountPath: '/' }), 'CreateContainerConfigError', /root directory/],
  [
    'over-proc',
    volume({ emptyDir: {} }, { mountPath: '/proc/self/attr' }),
    'CreateContainerConfigError',
    /\/proc is the kernel's/,
  ],
  [
    'file-over-directory',
    subPath('file', '/etc'),
    'CreateContainerError',
    /^cannot mount a file at \/etc, where the container has a directory/,
  ],
  [
    'directory-over-file',
    volume({ emptyDir: {} }, { mountPath: '/etc/passwd' }),
    'CreateContainerError',
    /^cannot mount a directory at \/etc\/passwd, where/,
  ],
  [
    'working-directory-file',
    once(idle({ workingDir: '/etc/passwd' })),
    'CreateContainerError',
    /\/etc\/passwd: Not a directory/,
  ],
  ['memory-too-small', limited({ memory: '100Ki' }), 'CreateContainerError', /memory limit too small/],
];

/** The volume cannot be set up: the container waits to be created, and an event says why. */
const unmounted: readonly (readonly [name: string, spec: object, message: RegExp])[] = [
  ['volume-of-nothing', volume({ configMap: { name: 'none' } }), /configmap "none" not found/],
  [
    'claim-absent',
    { ...volume({ persistentVolumeClaim: { claimName: 'none' } }), nodeName: 'node-1' },
    /persistentvolumeclaim "none" not found/,
  ],
  [
    'device-absent',
    volume(hostPath('/dev/none', 'CharDevice')),
    /hostPath type check failed: \/dev\/none is not a character device/,
  ],
  [
    'directory-absent',
    volume(hostPath('/timonel-none', 'Directory')),
    /hostPath type check failed: \/timonel-none is not a directory/,
  ],
  ['volume-unknown', volume({ nfs: { server: '127.0.0.1', path: '/x' } }), /nfs is not supported by this node/],
  [
    'driver-absent',
    volume({ csi: { driver: 'none.example.com' } }),
    /none.example.com not found in the list of registered CSI drivers/,
  ],
];

/** The container was started, and ended at once. */
const ended: readonly (readonly [name: string, spec: object, state: object])[] = [
  [
    'command-absent',
    once(idle({ command: ['/nope'] })),
    { reason: 'StartError', exitCode: 127, message: expect.stringContaining('No such file') },
  ],
  [
    'command-not-in-path',
    once(idle({ command: ['nope'] })),
    { reason: 'StartError', exitCode: 127, message: expect.stringContaining('$PATH') },
  ],
  ['command-no-program', once(idle({ command: ['/etc/passwd'] })), { reason: 'StartError', exitCode: 126 }],
  [
    'environment-huge',
    once(idle({ env: [{ name: 'A', value: 'x'.repeat(200_000) }] })),
    { reason: 'StartError', message: expect.stringContaining('Argument list too long') },
  ],
  [
    'memory-used-up',
    limited({ memory: '10Mi' }, 'x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done'),
    { reason: 'OOMKilled', exitCode: 137 },
  ],
  [
    'read-only-root',
    once(sh('echo x > /file', { securityContext: { readOnlyRootFilesystem: true } })),
    { reason: 'Error', exitCode: 1 },
  ],
];

/** The node does not take it at all. */
const rejected: readonly Row[] = [
  [
    'too-much-cpu',
    placed({ resources: { requests: { cpu: '10000' } } }),
    'OutOfcpu',
    /^Pod was rejected: Node didn't have enough resource: cpu, requested: 10000000, used: \d+, capacity: \d+$/,
  ],
  ['too-much-memory', placed({ resources: { requests: { memory: '1Pi' } } }), 'OutOfmemory', /resource: memory/],
  [
    'wrong-node',
    once(idle(), { nodeName: 'node-1', nodeSelector: { disk: 'none' } }),
    'NodeAffinity',
    /^Pod was rejected: Predicate NodeAffinity failed/,
  ],
  [
    'other-system',
    once(idle(), { nodeName: 'node-1', os: { name: 'windows' } }),
    'PodOSNotSupported',
    /doesn't match node OS/,
  ],
  [
    'sysctl-unsafe',
    once(idle(), { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
    'SysctlForbidden',
    /kernel.msgmax/,
  ],
];

/** There is no sandbox for it. */
const unsandboxed: readonly (readonly [name: string, spec: object, message: RegExp])[] = [
  [
    'sysctl-refused',
    once(idle(), { securityContext: { sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: 'x' }] } }),
    /ip_local_port_range: Invalid argument/,
  ],
  [
    'name-too-long',
    once(idle(), { hostname: 'h'.repeat(60), subdomain: 'sub', setHostnameAsFQDN: true }),
    /FQDN .* is too long \(64 characters is the max/,
  ],
];

const named = <T extends readonly [string, object, ...unknown[]]>(rows: readonly T[]) =>
  rows.map((row) => ({ row, name: row[0], pod: node.pod(row[0], row[1]) }));

describe('pods that cannot run as they were written', () => {
  it.each(named(waiting))('$name waits, and says why', async ({ row: [, , reason, message, event], pod }) => {
    const { state } = await pod.container(reason, (status: Shown) => status.state.waiting?.reason === reason);
    expect(state.waiting.message).toMatch(message);
    await pod.told(event ?? `Failed: Error: ${state.waiting.message}`);
  });

  it.each(named(unmounted))('$name waits for its volume', async ({ row: [, , message], pod }) => {
    const { state } = await pod.container('a reason', (status: Shown) => status.state.waiting?.message);
    expect(state.waiting).toEqual({ reason: 'ContainerCreating', message: expect.stringMatching(message) });
    await pod.told(new RegExp(`^FailedMount: MountVolume.SetUp failed for volume "v" : .*${message.source}`));
  });

  it.each(named(ended))('$name ends', async ({ row: [, , state], pod }) => {
    const { status } = await pod.untilPhase('Failed');
    expect(status.containerStatuses[0].state.terminated).toMatchObject(state);
  });

  it.each(named(rejected))('$name is rejected', async ({ row: [, , reason, message], pod }) => {
    const { status } = await pod.untilPhase('Failed');
    expect(status).toMatchObject({ reason, message: expect.stringMatching(message) });
    expect(status.containerStatuses).toBeUndefined();
    await pod.told(new RegExp(`^${reason}: `));
  });

  it.each(named(unsandboxed))('$name gets no sandbox', async ({ row: [, , message], pod }) => {
    await pod.told(new RegExp(`^FailedCreatePodSandBox: Failed to create pod sandbox: .*${message.source}`));
    expect(pod.now.status).toMatchObject({ phase: 'Pending' });
  });

  it('two with one port of the node: the second is rejected', async () => {
    const ports = [{ containerPort: 80, hostPort: 39_871 }];
    const first = node.later('port-first', placed({ ports }));
    const second = node.later('port-second', placed({ ports }));
    await first.create();
    await first.ready();
    await second.create();
    expect((await second.untilPhase('Failed')).status).toMatchObject({ reason: 'NodePorts' });
  });

  it.each([
    ['no such class', { runtimeClassName: 'none' }, /RuntimeClass "none" not found|"none" not found/],
    [
      'a limit below the request',
      once(idle({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } })),
      /must be less than or equal to cpu limit/,
    ],
    [
      'two mounts at one place',
      once(idle(mounts({ a: { emptyDir: {} } })), {}),
      /volumeMounts\[0\].name: Not found: "a"/,
    ],
  ])('%s: the API refuses the pod', async (_what, spec, message) => {
    await expect(node.later('refused', { ...once(idle()), ...spec }).create()).rejects.toThrow(message);
  });

  it('leave the node as well as before', async () => {
    const { status } = await well.ready();
    expect(status.containerStatuses[0]).toMatchObject({ ready: true, restartCount: 0 });
    const after = node.later('after', once(sh('echo well')));
    await after.create();
    expect(await after.output()).toBe('well\n');
    const { conditions } = (await node.api.ask('GET', '/api/v1/nodes/node-1')).status;
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
  });
});
