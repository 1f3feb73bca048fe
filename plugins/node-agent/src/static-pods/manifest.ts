/** Static pods from the text of a manifest. Pure. */
import { createHash } from 'node:crypto';
import { errorMessage } from '@timonel/sdk';
import { dnsLabelProblems, dnsSubdomainProblems, type Pod } from '@timonel/sdk/kube';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { annotationKeys } from './identity.ts';
import { apiReferenceOf } from './api-references.ts';

export interface ManifestFile {
  /** Of the file, without its directory. */
  readonly name: string;
  readonly text: string;
}

export interface ManifestResult {
  readonly pods: readonly Pod[];
  /** Why the file is refused: then it has no pods. */
  readonly problem: string | undefined;
}

const named = (problemsOf: (name: string) => string[]) =>
  z.string().superRefine((name, context) => {
    for (const message of problemsOf(name)) context.addIssue({ code: 'custom', message });
  });

const texts = z.record(z.string(), z.string());
const container = z.looseObject({
  name: named(dnsLabelProblems),
  image: z.string().min(1, 'is required'),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.looseObject({ name: z.string() })).optional(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string().min(1) })).optional(),
  ports: z.array(z.looseObject({ containerPort: z.number().int().min(1).max(65_535) })).optional(),
  resources: z.looseObject({ limits: quantities(), requests: quantities() }).optional(),
});

function quantities() {
  return z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).optional();
}

const manifest = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata: z.looseObject({
    name: named(dnsSubdomainProblems),
    namespace: named(dnsLabelProblems).default('default'),
    labels: texts.optional(),
    annotations: texts.optional(),
  }),
  spec: z.looseObject({
    containers: z.array(container).min(1, 'must have one at least'),
    initContainers: z.array(container).optional(),
    ephemeralContainers: z.undefined({ error: 'static pods have none' }).optional(),
    volumes: z.array(z.looseObject({ name: named(dnsLabelProblems) })).optional(),
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    terminationGracePeriodSeconds: z.number().int().min(0).default(30),
    hostNetwork: z.boolean().optional(),
    priority: z.number().int().optional(),
  }),
});

type Manifest = z.infer<typeof manifest>;

function firstRepeated(names: readonly string[]): string | undefined {
  return names.find((name, at) => names.indexOf(name) !== at);
}

/** What only several fields together get wrong. */
function mismatch({ spec }: Manifest): string | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const volumes = (spec.volumes ?? []).map(({ name }) => name);
  const container = firstRepeated(containers.map(({ name }) => name));
  if (container !== undefined) return `spec: two containers are named "${container}"`;
  const volume = firstRepeated(volumes);
  if (volume !== undefined) return `spec.volumes: two are named "${volume}"`;
  for (const { name, volumeMounts = [] } of containers) {
    const unknown = volumeMounts.find((mount) => !volumes.includes(mount.name));
    if (unknown !== undefined) return `spec: container ${name} mounts "${unknown.name}", which is no volume of the pod`;
  }
  return undefined;
}

/** As the kubelet names them: two nodes with the same file have two pods. */
function staticPod(given: Manifest, nodeName: string, hash: string): Pod {
  const { metadata, spec } = given;
  const { name, namespace, labels, annotations } = metadata;
  const untouchable = { operator: 'Exists', effect: 'NoExecute' };
  const tolerations = [...((spec['tolerations'] ?? []) as object[]), untouchable];
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${nodeName}`,
      namespace,
      uid: hash,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [annotationKeys.source]: 'file', [annotationKeys.hash]: hash },
    },
    spec: { enableServiceLinks: true, dnsPolicy: 'ClusterFirst', ...spec, tolerations, nodeName },
  };
  const asJson: unknown = JSON.parse(JSON.stringify(pod));
  return asJson as Pod;
}

/** Of the content, not of how it is written: a comment is no change. */
function hashOf(nodeName: string, file: string, at: number, content: unknown): string {
  const text = JSON.stringify([nodeName, file, at, content]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

interface Document {
  readonly value: unknown;
  readonly where: string;
}

/** @throws Error with what is wrong in the text */
function documentsOf(text: string): Document[] {
  const documents = parseAllDocuments(text);
  const list = 'empty' in documents ? [] : documents;
  const [problem] = list.flatMap(({ errors }) => errors);
  if (problem !== undefined) throw new Error(problem.message.split('\n')[0]);
  // Aliases are resolved up to a bound: a small file cannot grow without end.
  const values = list.map((document): unknown => document.toJS({ maxAliasCount: 100 }));
  const filled = values.filter((value) => value !== null && value !== undefined);
  return filled.map((value, at) => ({ value, where: filled.length > 1 ? `document ${at + 1}: ` : '' }));
}

function problemOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.join('.') || 'manifest'}: ${message}`)
    .join('; ');
}

/** A pod, or several one after the other. All or nothing: half a file may be one that is being written. */
export function podsOf({ name, text }: ManifestFile, nodeName: string): ManifestResult {
  const refused = (problem: string): ManifestResult => ({ pods: [], problem });
  try {
    const documents = documentsOf(text);
    if (documents.length === 0) return refused('the file holds no manifest');
    const pods: Pod[] = [];
    for (const [at, { value, where }] of documents.entries()) {
      const { data, error } = manifest.safeParse(value);
      if (data === undefined) return refused(where + problemOf(error));
      const pod = staticPod(data, nodeName, hashOf(nodeName, name, at, data));
      const problem = mismatch(data) ?? nameProblem(pod) ?? apiReferenceOf(pod);
      if (problem !== undefined) return refused(where + problem);
      pods.push(pod);
    }
    return { pods, problem: undefined };
  } catch (error) {
    return refused(errorMessage(error));
  }
}

/** With the node's name behind it. */
function nameProblem({ metadata: { name = '' } }: Pod): string | undefined {
  const [problem] = dnsSubdomainProblems(name);
  return problem === undefined ? undefined : `metadata.name: "${name}" ${problem}`;
}
