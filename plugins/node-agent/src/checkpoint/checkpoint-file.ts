/** What the agent needs to go on without the API, in a file: the pods of this node, and the configuration they use. */
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { KubeObject, Pod } from '@timonel/sdk/kube';
import { z } from 'zod';
import type { RememberedSource } from './remembered-sources.ts';
import type { SourceKey } from './references.ts';
import type { SourceSeal } from './source-seal.ts';

/** What this node gave a pod for its whole life. */
export interface Assignment {
  readonly handler: string;
  /** Of its user namespace. */
  readonly firstId?: number;
  /** Those that its runtime held. */
  readonly sandboxes: readonly string[];
}

export interface Checkpoint {
  readonly nodeName: string;
  /** The newest version of the API that this node has seen. */
  readonly resourceVersion: string;
  readonly pods: readonly Pod[];
  /** By pod uid. */
  readonly assignments: ReadonlyMap<string, Assignment>;
  readonly sources: ReadonlyMap<SourceKey, RememberedSource>;
}

const object = z.looseObject({ metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }) });
const assignment = z.object({
  handler: z.string(),
  firstId: z.int().min(1).exactOptional(),
  sandboxes: z.array(z.string()),
});
const schema = z.object({
  version: z.literal(1),
  nodeName: z.string(),
  resourceVersion: z.string().regex(/^\d*$/),
  pods: z.array(
    object.extend({
      metadata: z.looseObject({ name: z.string(), namespace: z.string(), uid: z.string().min(1) }),
      spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }),
    }),
  ),
  // Absent in files of older versions.
  assignments: z.record(z.string(), assignment).default({}),
  sources: z.record(z.string(), object.nullable()),
});

/** managedFields are of no use here, and large. */
function lean<T extends { metadata: object }>(value: T): T {
  return { ...value, metadata: { ...value.metadata, managedFields: undefined } };
}

export interface Encoded {
  readonly text: string;
  /** Sources that did not fit. */
  readonly leftOut: number;
}

export interface EncodeOptions {
  readonly limitBytes: number;
  readonly seal: SourceSeal;
}

/** The file's text. Pods go first; sources follow, the small ones first, up to the bound. */
export function encodeCheckpoint(checkpoint: Checkpoint, { limitBytes, seal }: EncodeOptions): Encoded {
  const { nodeName, resourceVersion } = checkpoint;
  const assignments = Object.fromEntries(checkpoint.assignments);
  const pods = checkpoint.pods.map((pod) => JSON.stringify(lean(pod)));
  const sources = [...seal.sealAll(withoutManagers(checkpoint.sources))]
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  let bytes = pods.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const fitting = sources.filter((text) => (bytes += Buffer.byteLength(text)) <= limitBytes);
  const head = JSON.stringify({ version: 1, nodeName, resourceVersion, assignments }).slice(0, -1);
  const text = `${head},"pods":[${pods.join(',')}],"sources":{${fitting.join(',')}}}\n`;
  return { text, leftOut: sources.length - fitting.length };
}

function withoutManagers(sources: Checkpoint['sources']): Map<SourceKey, KubeObject | null> {
  return new Map([...sources].map(([key, value]) => [key, value === null ? null : lean(value)]));
}

/** What was sealed by a key that is lost is left out. @throws Error when the text is damaged */
export function decodeCheckpoint(text: string, seal: SourceSeal): Checkpoint {
  const { nodeName, resourceVersion, ...rest } = schema.parse(JSON.parse(text));
  const pods: unknown = rest.pods;
  const written = Object.entries(rest.sources) as [SourceKey, KubeObject | null][];
  const sources = written.flatMap(([key, value]): [SourceKey, RememberedSource][] => {
    const opened = value === null ? null : seal.open(key, value);
    return opened === undefined ? [] : [[key, opened]];
  });
  const assignments = new Map(Object.entries(rest.assignments));
  return { nodeName, resourceVersion, pods: pods as Pod[], assignments, sources: new Map(sources) };
}

/** Undefined: there is none. @throws Error when it is damaged */
export async function readCheckpoint(file: string, seal: SourceSeal): Promise<Checkpoint | undefined> {
  const text = await readFileIfThere(file);
  return text === undefined ? undefined : decodeCheckpoint(text, seal);
}

export async function writeCheckpoint(file: string, text: string): Promise<void> {
  await writeFileAtomically(file, text, 0o600);
}
