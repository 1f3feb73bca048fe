import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isMirrorPod, isStaticPod } from './identity.ts';
import { podsOf } from './manifest.ts';

const web = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - {name: app, image: "img:1", resources: {limits: {memory: 64Mi, cpu: 1}}}
`;
const of = (text: string, name = 'web.yaml') => podsOf({ name, text }, 'node-1');
/** With one container, and what is given beside. */
const json = (spec: object, metadata: object = {}) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', ...metadata },
    spec: { containers: [{ name: 'app', image: 'img:1' }], ...spec },
  });

describe('the manifest of a static pod', () => {
  it('becomes a pod of this node, named after it', () => {
    const { pods, problem } = of(web);
    expect(problem).toBeUndefined();
    expect(pods).toMatchObject([
      {
        metadata: {
          name: 'web-node-1',
          namespace: 'default',
          labels: { app: 'web' },
          annotations: { 'kubernetes.io/config.source': 'file' },
        },
        spec: {
          nodeName: 'node-1',
          restartPolicy: 'Always',
          containers: [{ name: 'app', resources: { limits: { memory: '64Mi', cpu: '1' } } }],
          tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
        },
      },
    ]);
    const [pod] = pods;
    expect(pod?.metadata.uid).toMatch(/^[0-9a-f]{32}$/);
    expect(pod?.metadata.annotations?.['kubernetes.io/config.hash']).toBe(pod?.metadata.uid);
    expect(pod !== undefined && isStaticPod(pod) && !isMirrorPod(pod)).toBe(true);
  });

  it('is JSON too, and several in one file', () => {
    expect(of(json({}, { namespace: 'kube-system' })).pods).toMatchObject([{ metadata: { namespace: 'kube-system' } }]);
    const { pods } = of(`${web}---\n${web.replace('name: web,', 'name: other,')}---\n`);
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(['web-node-1', 'other-node-1']);
  });

  it('makes another pod when its content is another, in another file or on another node; not by a comment', () => {
    const uid = (text: string, file = 'web.yaml', node = 'node-1') =>
      podsOf({ name: file, text }, node).pods[0]?.metadata.uid;
    expect(uid(`# why\n${web}`)).toBe(uid(web));
    const all = [uid(web), uid(web.replace('img:1', 'img:2')), uid(web, 'b.yaml'), uid(web, 'web.yaml', 'node-2')];
    expect(new Set(all).size).toBe(4);
  });

  const refused: [what: string, text: string, problem: string][] = [
    ['nothing', '# soon\n', 'the file holds no manifest'],
    ['no YAML', 'a: [', 'Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['another kind', web.replace('kind: Pod', 'kind: Deployment'), 'kind: Invalid input: expected "Pod"'],
    ['no containers', json({ containers: [] }), 'spec.containers: must have one at least'],
    ['no image', json({ containers: [{ name: 'app', image: '' }] }), 'spec.containers.0.image: is required'],
    [
      'a name that cannot be',
      json({}, { name: 'Web' }),
      'metadata.name: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
    ],
    [
      'a name that is too long with that of the node',
      json({}, { name: 'w'.repeat(250) }),
      `metadata.name: "${'w'.repeat(250)}-node-1" must be no more than 253 characters`,
    ],
    [
      'two containers of one name',
      json({ initContainers: [{ name: 'app', image: 'img:1' }] }),
      'spec: two containers are named "app"',
    ],
    [
      'a volume that is not there',
      json({ containers: [{ name: 'app', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/d' }] }] }),
      'spec: container app mounts "data", which is no volume of the pod',
    ],
    ['a wrong type', json({ restartPolicy: 'Sometimes' }), 'spec.restartPolicy: Invalid option'],
    [
      'a Secret',
      json({ volumes: [{ name: 'key', projected: { sources: [{ secret: { name: 'key' } }] } }] }),
      'spec: static pods cannot use a Secret: they run without the API',
    ],
    [
      'a ConfigMap',
      json({ containers: [{ name: 'app', image: 'i', envFrom: [{ configMapRef: { name: 'c' } }] }] }),
      'spec: static pods cannot use a ConfigMap: they run without the API',
    ],
    [
      'a ServiceAccount',
      json({ serviceAccountName: 'robot' }),
      'spec: static pods cannot use a ServiceAccount: they run without the API',
    ],
    [
      'a claim',
      json({ volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] }),
      'spec: static pods cannot use a PersistentVolumeClaim: they run without the API',
    ],
    [
      'a second document that is wrong',
      `${web}---\nkind: Pod\n`,
      'document 2: apiVersion: Invalid input: expected "v1"',
    ],
    [
      'more aliases than anybody needs',
      `a: &a [x, x]\nb: &b [${'*a,'.repeat(40)}]\nc: &c [${'*b,'.repeat(40)}]\nd: [${'*c,'.repeat(40)}]\n`,
      'Excessive alias count indicates a resource exhaustion attack',
    ],
  ];
  it.each(refused)('with %s is refused, with the reason', (_what, text, problem) => {
    const result = of(text);
    expect(result.pods).toEqual([]);
    expect(result.problem?.startsWith(problem) === true ? problem : result.problem).toBe(problem);
  });

  it('never ends in a crash', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.json()), (text) => {
        const { pods, problem } = of(text);
        expect(pods.length > 0).toBe(problem === undefined);
      }),
    );
  });
});
