/** What belongs into configMap, secret, downwardAPI and projected volumes. */
import type { Pod, Volume } from '@timonel/sdk/kube';
import { ConfigError } from '../container/config-error.ts';
import { entriesOfConfigMap, entriesOfSecret } from '../container/env.ts';
import { fieldValue, resourceValue, type NodeFacts } from '../container/field-ref.ts';
import type { ConfigSources } from '../container/sources.ts';
import { checkedPath, type PayloadFile } from './payload.ts';

interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

interface ObjectSource {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
  readonly optional?: boolean;
}

interface DownwardItem {
  readonly path: string;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: { readonly containerName?: string; readonly resource: string; readonly divisor?: string };
  readonly mode?: number;
}

interface DownwardSource {
  readonly items?: readonly DownwardItem[];
  readonly defaultMode?: number;
}

interface ProjectedSource {
  readonly sources?: readonly { readonly [kind: string]: unknown }[];
  readonly defaultMode?: number;
}

export interface PayloadContext {
  readonly pod: Pod;
  readonly facts: NodeFacts;
  readonly sources: ConfigSources;
}

const defaultMode = 0o644;

/** Undefined: the volume is of another kind. @throws ConfigError */
export async function payloadOf(volume: Volume, context: PayloadContext): Promise<PayloadFile[] | undefined> {
  if (volume['projected'] === undefined) return filesOf(volume, undefined, context);
  const projected = volume['projected'] as ProjectedSource;
  const files = new Map<string, PayloadFile>();
  for (const source of projected.sources ?? []) {
    const part = await filesOf(source, projected.defaultMode ?? defaultMode, context);
    if (part === undefined) {
      const kind = Object.keys(source).join(', ');
      throw new ConfigError(`projected volume "${volume.name}": source ${kind} is not supported by this node`);
    }
    for (const file of part) files.set(file.path, file);
  }
  return [...files.values()];
}

async function filesOf(
  source: { readonly [kind: string]: unknown },
  mode: number | undefined,
  context: PayloadContext,
): Promise<PayloadFile[] | undefined> {
  const namespace = context.pod.metadata.namespace ?? '';
  const configMap = source['configMap'] as ObjectSource | undefined;
  if (configMap !== undefined) {
    const name = configMap.name ?? '';
    const entries = await entriesOfConfigMap(context.sources, namespace, name, configMap.optional);
    return select(entries, configMap, mode, `ConfigMap ${namespace}/${name}`);
  }
  const secret = source['secret'] as ObjectSource | undefined;
  if (secret !== undefined) {
    const name = secret.secretName ?? secret.name ?? '';
    const entries = await entriesOfSecret(context.sources, namespace, name, secret.optional);
    return select(entries, secret, mode, `Secret ${namespace}/${name}`);
  }
  const downward = source['downwardAPI'] as DownwardSource | undefined;
  return downward === undefined ? undefined : downwardFiles(downward, mode, context);
}

function select(
  entries: Map<string, Buffer> | undefined,
  source: ObjectSource,
  mode: number | undefined,
  owner: string,
): PayloadFile[] {
  const common = source.defaultMode ?? mode ?? defaultMode;
  const found = entries ?? new Map<string, Buffer>();
  if (source.items === undefined) {
    return [...found].map(([key, data]) => ({ path: checkedPath(key), data, mode: common }));
  }
  const files: PayloadFile[] = [];
  for (const item of source.items) {
    const data = found.get(item.key);
    if (data === undefined) {
      if (source.optional === true) continue;
      throw new ConfigError(`couldn't find key ${item.key} in ${owner}`);
    }
    files.push({ path: checkedPath(item.path), data, mode: item.mode ?? common });
  }
  return files;
}

function downwardFiles(source: DownwardSource, mode: number | undefined, context: PayloadContext): PayloadFile[] {
  const { pod, facts } = context;
  return (source.items ?? []).map((item) => {
    let text = '';
    if (item.fieldRef !== undefined) text = fieldValue(pod, item.fieldRef.fieldPath, facts);
    else if (item.resourceFieldRef !== undefined) {
      const { containerName } = item.resourceFieldRef;
      const container = pod.spec.containers.find((entry) => entry.name === containerName);
      if (container === undefined) throw new ConfigError(`container ${containerName ?? ''} not found`);
      text = resourceValue(container, item.resourceFieldRef, facts);
    }
    const data = Buffer.from(text, 'utf8');
    return { path: checkedPath(item.path), data, mode: item.mode ?? source.defaultMode ?? mode ?? defaultMode };
  });
}
