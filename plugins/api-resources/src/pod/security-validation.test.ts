import { describe, expect, it } from '@jest/globals';
import { findings } from '../testing/kinds-under-test.ts';

const container = { name: 'web', image: 'nginx:1' };
const pod = (spec: object, first: object = {}): object => ({
  spec: { containers: [{ ...container, ...first }], ...spec },
});
const own = (securityContext: object, spec: object = {}): object => pod(spec, { securityContext });
const ofPod = (securityContext: object, spec: object = {}): object => pod({ securityContext, ...spec });
const mount = (changes: object): object =>
  pod({ volumes: [{ name: 'v', emptyDir: {} }] }, { volumeMounts: [{ name: 'v', mountPath: '/v', ...changes }] });
const resources = (limits: object, requests: object): object => pod({}, { resources: { limits, requests } });

const podAt = 'spec.securityContext';
const at = 'spec.containers[0].securityContext';
const ids = 'must be between 0 and 2147483647, inclusive';

describe('the security of pods', () => {
  it.each<[string, object, string[]]>([
    [
      'ids',
      ofPod({ fsGroup: -1, supplementalGroups: [1, 2 ** 31], runAsUser: -2 }),
      [
        `${podAt}.fsGroup: Invalid value: -1: ${ids}`,
        `${podAt}.runAsUser: Invalid value: -2: ${ids}`,
        `${podAt}.supplementalGroups[1]: Invalid value: 2147483648: ${ids}`,
      ],
    ],
    [
      'policies',
      ofPod({ fsGroupChangePolicy: 'Never', supplementalGroupsPolicy: 'Loose' }),
      [
        `${podAt}.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"`,
        `${podAt}.supplementalGroupsPolicy: Unsupported value: "Loose": supported values: "Merge", "Strict"`,
      ],
    ],
    [
      'profiles without a type or with a wrong one',
      ofPod({ seccompProfile: {}, appArmorProfile: { type: 'Default' } }),
      [
        `${podAt}.seccompProfile.type: Required value: type is required when seccompProfile is set`,
        `${podAt}.appArmorProfile.type: Unsupported value: "Default": supported values: "Localhost", "RuntimeDefault", "Unconfined"`,
      ],
    ],
    [
      'profiles of the node without a name, and others with one',
      own({ seccompProfile: { type: 'Localhost' }, appArmorProfile: { type: 'Unconfined', localhostProfile: 'p' } }),
      [
        `${at}.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`,
        `${at}.appArmorProfile.localhostProfile: Invalid value: "p": can only be set when AppArmor type is Localhost`,
      ],
    ],
    [
      'names of profiles',
      own({
        seccompProfile: { type: 'Localhost', localhostProfile: '/a/../b' },
        appArmorProfile: { type: 'Localhost', localhostProfile: ' p' },
      }),
      [
        `${at}.seccompProfile.localhostProfile: Invalid value: "/a/../b": must be a relative path`,
        `${at}.seccompProfile.localhostProfile: Invalid value: "/a/../b": must not contain '..'`,
        `${at}.appArmorProfile.localhostProfile: Invalid value: " p": must not be padded with whitespace`,
      ],
    ],
    [
      'sysctls',
      ofPod({ sysctls: [{ name: '', value: '1' }, { name: 'net/../x' }, { name: 'a.b' }, { name: 'a/b' }] }),
      [
        `${podAt}.sysctls[0].name: Required value`,
        `${podAt}.sysctls[1].name: Invalid value: "net/../x": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`,
        `${podAt}.sysctls[3].name: Duplicate value: "a/b"`,
      ],
    ],
    [
      'sysctls of the node',
      ofPod({ sysctls: [{ name: 'net.x' }, { name: 'kernel.sem' }] }, { hostNetwork: true, hostIPC: true }),
      [
        `${podAt}.sysctls[0].name: Invalid value: "net.x": may not be specified when 'hostNetwork' is true`,
        `${podAt}.sysctls[1].name: Invalid value: "kernel.sem": may not be specified when 'hostIPC' is true`,
      ],
    ],
    [
      'a user namespace in namespaces of the node',
      pod({ hostUsers: false, hostNetwork: true, hostPID: true, hostIPC: true }),
      ['hostNetwork', 'hostPID', 'hostIPC'].map((field) => `spec.${field}: Forbidden: when \`hostUsers\` is false`),
    ],
    [
      'shared processes of the node',
      pod({ hostPID: true, shareProcessNamespace: true }),
      ['spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
    ],
    [
      'unmasked /proc',
      own({ procMount: 'Unmasked' }),
      [`${at}.procMount: Invalid value: "Unmasked": \`hostUsers\` must be false to use \`Unmasked\``],
    ],
    [
      'more privileges by way of a capability',
      own({ allowPrivilegeEscalation: false, capabilities: { add: ['CAP_SYS_ADMIN'] } }),
      [
        `${at}: Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":["CAP_SYS_ADMIN"]}}: cannot set \`allowPrivilegeEscalation\` to false and \`capabilities.Add\` CAP_SYS_ADMIN`,
      ],
    ],
    [
      'recursive read-only mounts that are not read-only',
      mount({ recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' }),
      [
        'spec.containers[0].volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
        'spec.containers[0].volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified',
      ],
    ],
    [
      'huge pages',
      resources({ 'hugepages-2Mi': '4Mi' }, { 'hugepages-2Mi': '2Mi', 'hugepages-1Gi': '1Gi' }),
      [
        'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
        'spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources',
        'spec.containers[0].resources.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi',
      ],
    ],
  ])('refuses %s', (_what, given, expected) => {
    expect(findings('pods', given).toSorted()).toEqual(expected.toSorted());
  });

  it.each<[string, object]>([
    ['profiles', own({ seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' } })],
    ['unmasked /proc in a user namespace', own({ procMount: 'Unmasked' }, { hostUsers: false })],
    ['recursive read-only mounts', mount({ readOnly: true, recursiveReadOnly: 'IfPossible' })],
    ['huge pages', resources({ 'hugepages-2Mi': '4Mi', memory: '1Gi' }, { 'hugepages-2Mi': '4194304' })],
    ['sysctls', ofPod({ sysctls: [{ name: 'net/ipv4/tcp_rmem', value: '1' }] })],
  ])('takes %s', (_what, given) => expect(findings('pods', given)).toEqual([]));
});
