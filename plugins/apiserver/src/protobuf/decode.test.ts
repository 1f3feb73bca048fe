import { describe, expect, it } from '@jest/globals';
import { decodeKubernetesProtobuf, isKubernetesProtobuf } from './decode.ts';

/** A writer that knows no schema: field number and value. */
type Part = readonly [field: number, value: string | number | Uint8Array | readonly Part[]];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function message(parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.flatMap(([field, value]) => {
      if (typeof value === 'number') return [varint(field * 8), varint(value)];
      const bytes =
        typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : message(value);
      return [varint(field * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

const envelope = (apiVersion: string, kind: string, raw: readonly Part[] | Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    message([
      [
        1,
        [
          [1, apiVersion],
          [2, kind],
        ],
      ],
      [2, raw],
    ]),
  ]);

describe('decodeKubernetesProtobuf', () => {
  it.each(['v1', 'v1beta1'])('decodes a MutatingAdmissionPolicy of %s', (version) => {
    const mutation: Part[] = [
      [2, 'ApplyConfiguration'],
      [3, [[1, 'Object{}']]],
    ];
    const spec: Part[] = [
      [4, mutation],
      [5, 'Ignore'],
      [7, 'Never'],
    ];
    const apiVersion = `admissionregistration.k8s.io/${version}`;
    const raw: Part[] = [
      [1, [[1, 'p']]],
      [2, spec],
    ];
    expect(decodeKubernetesProtobuf(envelope(apiVersion, 'MutatingAdmissionPolicy', raw))).toEqual({
      apiVersion,
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'p' },
      spec: {
        failurePolicy: 'Ignore',
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
      },
    });
  });

  it('decodes a Deployment as kubectl create writes it', () => {
    const container: Part[] = [
      [1, 'c'],
      [2, 'x:1'],
      [
        6,
        [
          [1, ''],
          [2, 0],
          [3, 80],
          [4, ''],
          [5, ''],
        ],
      ],
      [8, []],
    ];
    const body = envelope('apps/v1', 'Deployment', [
      [
        1,
        [
          [1, 'web'],
          [2, ''],
          [7, 0],
          [8, []],
          [
            11,
            [
              [1, 'app'],
              [2, 'web'],
            ],
          ],
          [14, 'keep'],
        ],
      ],
      [
        2,
        [
          [1, 0],
          [
            2,
            [
              [
                1,
                [
                  [1, 'app'],
                  [2, 'web'],
                ],
              ],
            ],
          ],
          [3, [[2, [[2, container]]]]],
          [4, []],
          [5, 0],
        ],
      ],
    ]);
    expect(decodeKubernetesProtobuf(body)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' }, finalizers: ['keep'] },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: {
          spec: { containers: [{ name: 'c', image: 'x:1', ports: [{ containerPort: 80 }], resources: {} }] },
        },
        strategy: {},
      },
    });
  });

  it('decodes times, quantities, int-or-string, bytes and negative numbers', () => {
    const pod = decodeKubernetesProtobuf(
      envelope('v1', 'Pod', [
        [
          1,
          [
            [
              8,
              [
                [1, 1_767_323_045],
                [2, 0],
              ],
            ],
          ],
        ],
        [
          2,
          [
            [
              2,
              [
                [1, 'c'],
                [
                  8,
                  [
                    [
                      1,
                      [
                        [1, 'cpu'],
                        [2, [[1, '250m']]],
                      ],
                    ],
                  ],
                ],
                [
                  10,
                  [
                    [
                      1,
                      [
                        [
                          2,
                          [
                            [
                              2,
                              [
                                [1, 1],
                                [3, 'http'],
                              ],
                            ],
                          ],
                        ],
                      ],
                    ],
                  ],
                ],
              ],
            ],
            [25, -5],
          ],
        ],
      ]),
    );
    expect(pod).toMatchObject({
      metadata: { creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: {
        containers: [{ resources: { limits: { cpu: '250m' } }, livenessProbe: { httpGet: { port: 'http' } } }],
        priority: -5,
      },
    });
    const secret = decodeKubernetesProtobuf(
      envelope('v1', 'Secret', [
        [
          2,
          [
            [1, 'k'],
            [2, Buffer.from([0, 255])],
          ],
        ],
      ]),
    );
    expect(secret).toMatchObject({ data: { k: 'AP8=' } });
  });

  it('keeps hostile map keys harmless', () => {
    const map = decodeKubernetesProtobuf(
      envelope('v1', 'ConfigMap', [
        [
          2,
          [
            [1, '__proto__'],
            [2, 'x'],
          ],
        ],
      ]),
    );
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(Object.keys(map['data'] as object)).toEqual(['__proto__']);
  });

  const bad: readonly [string, Buffer][] = [
    ['no envelope', Buffer.from('{"kind":"Pod"}')],
    ['an unknown kind', envelope('example.com/v1', 'Thing', [])],
    ['a message that is cut off', envelope('v1', 'Pod', [[1, 'x']]).subarray(0, -1)],
    ['a length beyond the end', envelope('v1', 'Pod', Buffer.from([0x0a, 0xff, 0x01]))],
    ['a length that is negative', envelope('v1', 'Pod', Buffer.concat([Buffer.from([0x0a]), varint(-1)]))],
    ['an unused wire type', envelope('v1', 'Pod', Buffer.from([0x0b]))],
    ['a number where a message is due', envelope('v1', 'Pod', [[1, 7]])],
    ['text that is not UTF-8', envelope('v1', 'Namespace', [[1, [[1, Buffer.from([0xff, 0xfe])]]]])],
    ['a number without end', envelope('v1', 'Pod', Buffer.alloc(11, 0xff))],
  ];
  for (const [name, body] of bad) {
    it(`refuses ${name}`, () => {
      expect(() => decodeKubernetesProtobuf(body)).toThrow(expect.objectContaining({ name: 'ProtobufError' }));
    });
  }

  it('never fails in another way on random bytes', () => {
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647);
    for (let round = 0; round < 2000; round += 1) {
      const raw = Buffer.from(Array.from({ length: random() % 40 }, () => random() % 256));
      try {
        decodeKubernetesProtobuf(envelope('v1', 'Pod', raw));
      } catch (error) {
        expect(error).toMatchObject({ name: 'ProtobufError' });
      }
    }
    expect(isKubernetesProtobuf(envelope('v1', 'Pod', []))).toBe(true);
  });
});

describe('messages of other groups', () => {
  it('are found by the first part of the name of their group', () => {
    const role = envelope('rbac.authorization.k8s.io/v1', 'ClusterRole', [
      [1, [[1, 'r']]],
      [2, [[1, 'get']]],
    ]);
    expect(decodeKubernetesProtobuf(role)).toMatchObject({ kind: 'ClusterRole', rules: [{ verbs: ['get'] }] });
    const foreign = envelope('apps.example.com/v1', 'Deployment', []);
    expect(() => decodeKubernetesProtobuf(foreign)).toThrow(expect.objectContaining({ name: 'ProtobufError' }));
  });

  it('hold lists in maps, and JSON', () => {
    const entry: Part[] = [
      [1, 'scopes'],
      [
        2,
        [
          [1, 'a'],
          [1, 'b'],
        ],
      ],
    ];
    const review = envelope('authorization.k8s.io/v1', 'SubjectAccessReview', [[2, [[5, entry]]]]);
    expect(decodeKubernetesProtobuf(review)).toMatchObject({ spec: { extra: { scopes: ['a', 'b'] } } });
    const revision = envelope('apps/v1', 'ControllerRevision', [[2, [[1, '{"spec":{"a":1}}']]]]);
    expect(decodeKubernetesProtobuf(revision)).toMatchObject({ data: { spec: { a: 1 } } });
  });
});
