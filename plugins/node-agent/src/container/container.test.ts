import { describe, expect, it } from '@jest/globals';
import { container, podWith } from '../plan/testing.ts';
import { containerConfig } from './container-config.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue } from './field-ref.ts';
import { hostsFile } from './network-files.ts';
import { linuxResources, podResources, qosClassOf } from './qos.ts';
import { hostnameOf, kernelNameOf } from './hostname.ts';
import { userOf } from './user.ts';
import { policy } from './testing.ts';

const security = {
  privileged: false,
  readOnlyRootFilesystem: false,
  noNewPrivileges: true,
  addCapabilities: [],
  dropCapabilities: [],
};

const facts = {
  nodeName: 'node-1',
  nodeAddress: '192.0.2.1',
  podAddresses: ['10.1.0.2', 'fd00::2'],
  allocatable: { cpu: '4', memory: '8Gi' },
};

describe('references', () => {
  it.each([
    ['$(A)', '1'],
    ['$(A)$(A)', '11'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(B)', '$(B)'],
    ['$A ${A} $', '$A ${A} $'],
    ['$(A', '$(A'],
  ])('%s becomes %s', (text, expected) => {
    expect(expand(text, (name) => (name === 'A' ? '1' : undefined))).toBe(expected);
  });

  it.each([
    ['metadata.name', 'web'],
    ['metadata.uid', 'uid-1'],
    ["metadata.labels['app']", 'shop'],
    ["metadata.annotations['none']", ''],
    ['metadata.labels', 'app="shop"\nz="1"'],
    ['spec.nodeName', 'node-1'],
    ['status.podIP', '10.1.0.2'],
    ['status.podIPs', '10.1.0.2,fd00::2'],
    ['status.hostIP', '192.0.2.1'],
  ])('field %s is %s', (path, expected) => {
    expect(fieldValue(podWith({}, { labels: { z: '1', app: 'shop' } }), path, facts)).toBe(expected);
  });

  it('unknown fields are refused', () => {
    expect(() => fieldValue(podWith(), 'status.phase', facts)).toThrow('unsupported fieldPath: status.phase');
  });

  it.each([
    ['limits.memory', '1Mi', '64'],
    ['limits.memory', undefined, String(64 * 2 ** 20)],
    ['limits.cpu', undefined, '4'],
    ['requests.cpu', '1m', '250'],
    ['requests.cpu', undefined, '1'],
  ])('resource %s by %s is %s', (resource, divisor, expected) => {
    const app = container('app', { resources: { limits: { memory: '64Mi' }, requests: { cpu: '250m' } } });
    expect(resourceValue(app, { resource, ...(divisor === undefined ? {} : { divisor }) }, facts)).toBe(expected);
  });
});

describe('command', () => {
  const image = (entrypoint: string[], cmd: string[]) => ({
    id: 'sha256:1',
    references: [],
    sizeBytes: 0,
    created: '',
    config: {
      entrypoint,
      cmd,
      env: ['A=image', 'B=image'],
      workingDir: '/w',
      user: '7',
      stopSignal: '',
      exposedPorts: [],
      labels: {},
    },
    rootfs: { imageId: 'sha256:1', reference: 'img:1', layers: [] },
  });
  it.each([
    [undefined, undefined, ['/entry', 'default']],
    [['/own'], undefined, ['/own']],
    [undefined, ['x'], ['/entry', 'x']],
    [['/own', '$(A)'], ['x'], ['/own', 'pod', 'x']],
  ])('command %j and args %j give %j', (command, args, expected) => {
    const app = container('app', { ...(command && { command }), ...(args && { args }) });
    const config = containerConfig({
      pod: podWith(),
      container: app,
      attempt: 2,
      sandboxId: 's',
      image: image(['/entry'], ['default']),
      env: new Map([['A', 'pod']]),
      mounts: [],
      devices: [],
      hostname: 'web',
      nodeName: 'node-1',
      policy,
      security: { ...security, seccomp: { type: 'RuntimeDefault' } },
      runtime: { name: 'x' },
      processesOf: undefined,
    });
    expect(config.command).toEqual(expected);
    expect(Object.fromEntries(config.env.map(({ name, value }) => [name, value]))).toMatchObject({
      A: 'pod',
      B: 'image',
      HOSTNAME: 'web',
    });
    expect(config).toMatchObject({ workingDir: '/w', user: '7', attempt: 2 });
    expect(config.id).toMatch(/^app-[0-9a-f]{20}$/);
  });
});

describe('quality of service', () => {
  const with_ = (limits: Record<string, string>, requests: Record<string, string> = {}) =>
    container('a', { resources: { limits, requests } });
  it.each([
    ['BestEffort', [container('a')]],
    ['Burstable', [with_({ memory: '1Gi' })]],
    ['Burstable', [with_({ cpu: '1', memory: '1Gi' }), container('b')]],
    ['Burstable', [with_({ cpu: '1', memory: '1Gi' }, { cpu: '500m' })]],
    ['Guaranteed', [with_({ cpu: '1', memory: '1Gi' })]],
    ['Guaranteed', [with_({ cpu: '1', memory: '1Gi' }, { cpu: '1000m', memory: '1024Mi' })]],
  ])('%s', (expected, containers) => {
    expect(qosClassOf(podWith({ containers }))).toBe(expected);
  });

  it('sets limits, shares and the order of the OOM killer', () => {
    const node = { ...policy, nodeMemoryBytes: 2 ** 33 };
    const burst = with_({ memory: '1Gi', cpu: '1500m' }, { memory: '1Gi', cpu: '250m' });
    expect(linuxResources(podWith({ containers: [burst] }), burst, node)).toEqual({
      memoryLimitBytes: 2 ** 30,
      cpuLimitMillis: 1500,
      cpuShares: 256,
      oomScoreAdj: 875,
      swapLimitBytes: 0,
    });
    const best = container('a');
    expect(linuxResources(podWith({ containers: [best] }), best, node)).toEqual({
      cpuShares: 2,
      oomScoreAdj: 1000,
      swapLimitBytes: 0,
    });
    expect(podResources(podWith({ containers: [burst, burst] }), policy)).toMatchObject({
      memoryLimitBytes: 2 ** 31,
      cpuLimitMillis: 3000,
    });
    expect(podResources(podWith({ containers: [burst, best] }), policy).memoryLimitBytes).toBeUndefined();
  });

  it('gives the pod room for sidecars beside init containers, and the shares of what it asks for at its most', () => {
    const sized = (cpu: string, memory: string) => ({ resources: { limits: { cpu, memory } } });
    const sidecar = container('s', { ...sized('100m', '100Mi'), restartPolicy: 'Always' });
    const init = container('i', sized('1', '1Gi'));
    const containers = [container('a', sized('200m', '50Mi'))];
    const before = podWith({ containers, initContainers: [sidecar, init] });
    expect(podResources(before, policy)).toMatchObject({
      memoryLimitBytes: 2 ** 30 + 100 * 2 ** 20,
      cpuLimitMillis: 1100,
      cpuShares: 1126,
    });
    const after = podWith({ containers, initContainers: [container('i', sized('50m', '10Mi')), sidecar] });
    expect(podResources(after, policy)).toMatchObject({ memoryLimitBytes: 150 * 2 ** 20, cpuShares: 307 });
  });
});

describe('limits by the node’s policy', () => {
  const of = (limits: Record<string, string>, requests: Record<string, string> = {}) => {
    const app = container('a', { resources: { limits, requests } });
    return { app, pod: podWith({ containers: [app] }) };
  };
  it('protects memory when it is to', () => {
    const { app, pod } = of({ memory: '1Gi' }, { memory: '512Mi' });
    const mebi = 2 ** 20;
    const high = Math.floor(((512 + 0.9 * 512) * mebi) / 4096) * 4096;
    expect(linuxResources(pod, app, { ...policy, memoryQoS: true })).toMatchObject({
      memoryMinBytes: 512 * mebi,
      memoryHighBytes: high,
    });
    expect(linuxResources(pod, app, policy)).not.toHaveProperty('memoryMinBytes');
    const sure = of({ memory: '1Gi', cpu: '1' });
    const protection = linuxResources(sure.pod, sure.app, { ...policy, memoryQoS: true });
    expect(protection).toMatchObject({ memoryMinBytes: 1024 * mebi });
    expect(protection).not.toHaveProperty('memoryHighBytes');
  });
  it('gives swap by the share of the memory, and only where it is allowed', () => {
    const { app, pod } = of({ memory: '2Gi' }, { memory: '1Gi' });
    const limited = { ...policy, swapBehavior: 'LimitedSwap', nodeSwapBytes: 2 ** 30 } as const;
    expect(linuxResources(pod, app, limited).swapLimitBytes).toBe(2 ** 28);
    const equal = of({ memory: '1Gi' });
    expect(linuxResources(equal.pod, equal.app, limited).swapLimitBytes).toBe(0);
  });
  it('gives huge pages as asked, and none of the node’s others', () => {
    const { app, pod } = of({ 'hugepages-2Mi': '4Mi', memory: '1Gi' });
    const node = { ...policy, hugePageSizes: ['1Gi', '2Mi'] };
    expect(linuxResources(pod, app, node).hugePageLimits).toEqual({ '1Gi': 0, '2Mi': 4 * 2 ** 20 });
  });
  it('counts the overhead, and the processes of the pod', () => {
    const { pod } = of({ memory: '1Gi', cpu: '1' });
    pod.spec.overhead = { memory: '64Mi', cpu: '250m' };
    expect(podResources(pod, { podPidsLimit: 100 })).toEqual({
      memoryLimitBytes: 2 ** 30 + 64 * 2 ** 20,
      cpuLimitMillis: 1250,
      cpuShares: 1280,
      pidsLimit: 100,
    });
  });
});

describe('user', () => {
  it.each([
    [{}, {}, 'app', 'app'],
    [{ runAsUser: 5 }, {}, 'app', '5'],
    [{ runAsUser: 5, runAsGroup: 6 }, {}, '', '5:6'],
    [{ runAsUser: 5 }, { runAsUser: 0 }, '', '0'],
    [{ runAsGroup: 6 }, {}, '', '0:6'],
  ])('pod %j, container %j, image "%s": %s', (ofPod, own, imageUser, expected) => {
    expect(userOf(podWith({ securityContext: ofPod }), container('a', { securityContext: own }), imageUser)).toBe(
      expected,
    );
  });
  it.each([
    ['', 'will run as root (pod: "web_default(uid-1)", container: a)'],
    ['app', 'non-numeric user (app)'],
  ])('runAsNonRoot refuses image user "%s"', (imageUser, message) => {
    const app = container('a', { securityContext: { runAsNonRoot: true } });
    expect(() => userOf(podWith(), app, imageUser)).toThrow(message);
    expect(userOf(podWith(), app, '1000')).toBe('1000');
  });
});

describe('names and files', () => {
  it('cuts a hostname to what the kernel takes', () => {
    const name = `${'a'.repeat(62)}-b`;
    expect(hostnameOf(podWith({}, { name }), 'node-1')).toBe('a'.repeat(62));
    expect(hostnameOf(podWith({ hostname: 'own' }), 'node-1')).toBe('own');
    expect(hostnameOf(podWith({ hostNetwork: true }), 'node-1')).toBe('node-1');
  });
  it('has the full name where the pod asks for it, if the kernel takes it', () => {
    const spec = { hostname: 'own', subdomain: 'sub', setHostnameAsFQDN: true };
    const named = (more: object) => kernelNameOf(podWith({ ...spec, ...more }), 'node-1', 'cluster.local');
    expect(named({})).toBe('own.sub.default.svc.cluster.local');
    expect(named({ setHostnameAsFQDN: false })).toBe('own');
    expect(named({ subdomain: undefined })).toBe('own');
    expect(named({ hostnameOverride: 'other.example' })).toBe('other.example');
    expect(() => named({ hostname: 'a'.repeat(40) })).toThrow(
      /^failed to construct FQDN .* is too long \(64 characters is the max, 70 characters requested\)$/,
    );
  });
  it('writes hosts with aliases and the subdomain', () => {
    const pod = podWith({ subdomain: 'sub', hostAliases: [{ ip: '192.0.2.7', hostnames: ['a', 'b'] }] });
    const text = hostsFile(pod, ['10.1.0.2'], 'cluster.local');
    expect(text).toContain('10.1.0.2\tweb.sub.default.svc.cluster.local\tweb\n');
    expect(text).toContain('192.0.2.7\ta\tb\n');
  });
});
