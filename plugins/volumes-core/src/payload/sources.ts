/** What belongs into configMap, secret, downwardAPI and projected volumes. */
import {
  VolumeError,
  type ResourceReference,
  type VolumeNode,
  type VolumeRequest,
} from '@timonel/sdk/contracts/volume';
import { configMapEntries, secretEntries, type Pod } from '@timonel/sdk/kube';
import { accountTokenFile, type TokenSource } from './account-token.ts';
import { checkedPath, defaultMode, type PayloadFile } from './payload-file.ts';

interface ObjectSource {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

interface DownwardSource {
  readonly items?: readonly {
    readonly path: string;
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: ResourceReference;
    readonly mode?: number;
  }[];
  readonly defaultMode?: number;
}

interface ProjectedSource {
  readonly sources?: readonly Entry[];
  readonly defaultMode?: number;
}

/** A volume, or a source of a projected one: a key and what it means. */
type Entry = Readonly<Record<string, unknown>>;

export interface Payload {
  readonly files: readonly PayloadFile[];
  /** Part of it must be made anew after so long. */
  readonly renewAfterMs?: number;
}

interface Context {
  readonly pod: Pod;
  readonly node: VolumeNode;
  /** Of the volume. */
  readonly directory: string;
  readonly nowMs: number;
  /** Of the projected volume that it is part of. */
  readonly mode: number | undefined;
}

/** @throws VolumeError */
export async function projectedFiles(
  { volume, key, pod, node, directory }: VolumeRequest,
  nowMs: number,
): Promise<Payload> {
  const { sources = [], defaultMode: mode = defaultMode } = volume[key] as ProjectedSource;
  const files = new Map<string, PayloadFile>();
  const delays: number[] = [];
  for (const source of sources) {
    const part = await filesOf(source, { pod, node, mode, directory, nowMs });
    if (part === undefined) {
      const kind = Object.keys(source).join(', ');
      throw new VolumeError(`source ${kind} of a projected volume is not supported by this node`);
    }
    for (const file of part.files) files.set(file.path, file);
    if (part.renewAfterMs !== undefined) delays.push(part.renewAfterMs);
  }
  return { files: [...files.values()], ...(delays.length > 0 ? { renewAfterMs: Math.min(...delays) } : {}) };
}

/** Undefined: it is of another kind. @throws VolumeError */
export async function filesOf(entry: Entry, context: Context): Promise<Payload | undefined> {
  const { mode = defaultMode } = context;
  const { configMap, secret, downwardAPI, serviceAccountToken } = entry;
  if (configMap !== undefined) return { files: await configMapFiles(configMap as ObjectSource, context) };
  if (secret !== undefined) return { files: await secretFiles(secret as ObjectSource, context) };
  if (downwardAPI !== undefined) return { files: downwardFiles(downwardAPI as DownwardSource, context) };
  if (serviceAccountToken === undefined) return undefined;
  const { file, renewAfterMs } = await accountTokenFile(serviceAccountToken as TokenSource, { ...context, mode });
  return { files: [file], renewAfterMs };
}

async function configMapFiles(source: ObjectSource, context: Context): Promise<PayloadFile[]> {
  const { name = '', optional } = source;
  const object = await context.node.configMap(context.pod.metadata.namespace ?? '', name);
  if (object === undefined && optional !== true) throw new VolumeError(`configmap "${name}" not found`);
  return select(object === undefined ? new Map() : configMapEntries(object), source, context, 'config');
}

async function secretFiles(source: ObjectSource, context: Context): Promise<PayloadFile[]> {
  const { secretName, name = secretName ?? '', optional } = source;
  const object = await context.node.secret(context.pod.metadata.namespace ?? '', name);
  if (object === undefined && optional !== true) throw new VolumeError(`secret "${name}" not found`);
  return select(object === undefined ? new Map() : secretEntries(object), source, context, 'secret');
}

function select(
  entries: ReadonlyMap<string, Buffer>,
  source: ObjectSource,
  { mode }: Context,
  kind: string,
): PayloadFile[] {
  const common = source.defaultMode ?? mode ?? defaultMode;
  // An empty list stands for none.
  if ((source.items ?? []).length === 0)
    return [...entries].map(([key, data]) => ({ path: checkedPath(key), data, mode: common }));
  return (source.items ?? []).flatMap((item) => {
    const data = entries.get(item.key);
    if (data !== undefined) return [{ path: checkedPath(item.path), data, mode: item.mode ?? common }];
    if (source.optional === true) return [];
    throw new VolumeError(`references non-existent ${kind} key: ${item.key}`);
  });
}

function downwardFiles(source: DownwardSource, { node, mode }: Context): PayloadFile[] {
  return (source.items ?? []).map(({ path, fieldRef, resourceFieldRef, mode: own }) => {
    let text = '';
    if (fieldRef !== undefined) text = node.field(fieldRef.fieldPath);
    else if (resourceFieldRef !== undefined) text = node.resource(resourceFieldRef);
    const data = Buffer.from(text, 'utf8');
    return { path: checkedPath(path), data, mode: own ?? source.defaultMode ?? mode ?? defaultMode };
  });
}
