import { describe, expect, it } from '@jest/globals';
import { defaulted, findings, kindOf, updateFindings } from '../testing/kinds-under-test.ts';

const container = { name: 'web', image: 'nginx:1' };
const pod = (spec: object, first: object = {}): object => ({
  spec: { containers: [{ ...container, ...first }], ...spec },
});

describe('pods', () => {
  it.each<[string, object, string[]]>([
    ['no container', { spec: { containers: [] } }, ['spec.containers: Required value']],
    ['no image', pod({}, { image: '' }), ['spec.containers[0].image: Required value']],
    [
      'image with blanks',
      pod({}, { image: ' a' }),
      ['spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace'],
    ],
    ['no name', pod({}, { name: '' }), ['spec.containers[0].name: Required value']],
    [
      'bad name',
      pod({}, { name: 'A' }),
      [
        `spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc')`,
      ],
    ],
    [
      'same name twice',
      { spec: { containers: [container, container] } },
      ['spec.containers[1].name: Duplicate value: "web"'],
    ],
    [
      'same name as an init container',
      pod({ initContainers: [container] }),
      ['spec.initContainers[0].name: Duplicate value: "web"'],
    ],
    [
      'restart policy',
      pod({ restartPolicy: 'Never!' }),
      ['spec.restartPolicy: Unsupported value: "Never!": supported values: "Always", "Never", "OnFailure"'],
    ],
    [
      'restart rules',
      pod({}, { restartPolicyRules: [{ action: 'Stop' }, { action: 'Restart', exitCodes: { operator: 'Is' } }] }),
      [
        'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart"',
        'spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified',
        'spec.containers[0].restartPolicyRules[1].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
        'spec.containers[0].restartPolicyRules[1].exitCodes.values: Required value: must have at least one value',
      ],
    ],
    [
      'restart rules of a sidecar',
      pod({
        initContainers: [
          {
            ...container,
            name: 'side',
            restartPolicy: 'Always',
            restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }],
          },
        ],
      }),
      [
        'spec.initContainers[0].restartPolicyRules: Forbidden: restartPolicyRules are not allowed for init containers with restart policy Always',
      ],
    ],
    [
      'hostname in two ways',
      pod({ hostnameOverride: 'a'.repeat(65), setHostnameAsFQDN: true, hostNetwork: true }),
      [
        'spec.hostnameOverride: Too long: may not be more than 64 bytes',
        'spec.hostnameOverride: Forbidden: hostnameOverride cannot be set when hostNetwork is true',
        'spec.hostnameOverride: Forbidden: setHostnameAsFQDN and hostnameOverride cannot be set at the same time',
      ],
    ],
    [
      'no nameserver',
      pod({ dnsPolicy: 'None' }),
      ['spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None'],
    ],
    [
      'pull policy',
      pod({}, { imagePullPolicy: 'Sometimes' }),
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'resize policies',
      pod(
        { restartPolicy: 'Never' },
        {
          resizePolicy: [
            { resourceName: 'cpu', restartPolicy: 'RestartContainer' },
            { resourceName: 'cpu', restartPolicy: 'Sometimes' },
            { resourceName: 'disk', restartPolicy: 'NotRequired' },
          ],
        },
      ),
      [
        `spec.containers[0].resizePolicy[0]: Invalid value: "RestartContainer": must be 'NotRequired' when \`restartPolicy\` is 'Never'`,
        'spec.containers[0].resizePolicy[1].restartPolicy: Unsupported value: "Sometimes": supported values: "NotRequired", "RestartContainer"',
        'spec.containers[0].resizePolicy[1]: Duplicate value: "cpu"',
        'spec.containers[0].resizePolicy[2].resourceName: Unsupported value: "disk": supported values: "cpu", "memory"',
      ],
    ],
    [
      'mount of no volume',
      pod({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ],
    [
      'pull policy of a volume',
      pod({ volumes: [{ name: 'v', image: { reference: 'a:1', pullPolicy: 'Sometimes' } }] }),
      [
        'spec.volumes[0].image.pullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'two mounts at one path',
      pod(
        { volumes: [{ name: 'v' }] },
        {
          volumeMounts: [
            { name: 'v', mountPath: '/v' },
            { name: 'v', mountPath: '/v' },
          ],
        },
      ),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
    ],
    [
      'two sources of a volume',
      pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'port',
      pod({}, { ports: [{ containerPort: 70_000 }] }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'port names',
      pod(
        {},
        {
          ports: [
            { name: 'a', containerPort: 1 },
            { name: 'a', containerPort: 2 },
          ],
        },
      ),
      ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
    ],
    ['env without name', pod({}, { env: [{ value: 'x' }] }), ['spec.containers[0].env[0].name: Required value']],
    [
      'env with two sources',
      pod({}, { env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      'probe without handler',
      pod({}, { livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'liveness threshold',
      pod({}, { livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'request above the limit',
      pod({}, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'toleration',
      pod({ tolerations: [{ operator: 'Equal' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'deadline',
      pod({ activeDeadlineSeconds: 0 }),
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    [
      'privileges',
      pod({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      'a rich and valid pod',
      pod(
        {
          initContainers: [{ name: 'i', image: 'i' }],
          volumes: [{ name: 'v' }],
          tolerations: [{ operator: 'Exists' }],
        },
        { volumeMounts: [{ name: 'v', mountPath: '/v' }], env: [{ name: 'A_b.c-1', value: '' }] },
      ),
      [],
    ],
  ])('%s', (_name, object, expected) => {
    expect(findings('pods', object)).toEqual(expected);
  });

  const forbidden = expect.stringMatching(
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/,
  );
  it.each<[string, object, object, unknown[]]>([
    ['image', pod({}), pod({}, { image: 'nginx:2', imagePullPolicy: 'IfNotPresent' }), []],
    ['command', pod({}), pod({}, { command: ['x'] }), [forbidden]],
    ['node', pod({ nodeName: 'a' }), pod({ nodeName: 'b' }), [forbidden]],
    ['more tolerations', pod({}), pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }), []],
    [
      'fewer tolerations',
      pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
      pod({}),
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    ],
    ['a deadline', pod({}), pod({ activeDeadlineSeconds: 5 }), []],
    [
      'a later deadline',
      pod({ activeDeadlineSeconds: 5 }),
      pod({ activeDeadlineSeconds: 6 }),
      ['spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value'],
    ],
    [
      'one container more',
      pod({}),
      { spec: { containers: [container, { name: 'b', image: 'b' }] } },
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ],
    ['gates away', pod({ schedulingGates: [{ name: 'a/b' }] }), pod({}), []],
  ])('update: %s', (_name, old, object, expected) => {
    expect(updateFindings('pods', object, old)).toEqual(expected);
  });

  it.each<[string, object, number | undefined, number]>([
    ['not bound', pod({}), undefined, 0],
    ['bound', pod({ nodeName: 'n' }), undefined, 30],
    ['its own period', pod({ nodeName: 'n', terminationGracePeriodSeconds: 5 }), undefined, 5],
    ['asked for', pod({ nodeName: 'n' }), 3, 3],
    ['at once', pod({ nodeName: 'n' }), 0, 0],
    ['ended', { ...pod({ nodeName: 'n' }), status: { phase: 'Succeeded' } }, undefined, 0],
  ])('grace period: %s', (_name, object, asked, seconds) => {
    expect(kindOf('pods').strategy.gracePeriodSeconds?.(defaulted('pods', object), asked)).toBe(seconds);
  });
});
