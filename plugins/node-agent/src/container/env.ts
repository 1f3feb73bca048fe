/**
 * The environment of a container: envFrom, then env with `$(NAME)` references and valueFrom, in the order written; and of what these do
 * not name the variables of services.
 */
import { isUtf8 } from 'node:buffer';
import { secretEntries, type Container, type EnvVar, type Pod } from '@timonel/sdk/kube';
import { containerNamed } from '../plan/containers.ts';
import { ConfigError } from './config-error.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue, type NodeFacts } from './field-ref.ts';
import type { ConfigSources } from './sources.ts';

export interface EnvInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: NodeFacts;
  readonly sources: ConfigSources;
  /** Variables that name services. */
  readonly services: ReadonlyMap<string, string>;
}

/** Names of environment variables must not hold `=` or NUL; everything else printable is taken, as in Kubernetes 1.35. */
const usableName = /^[\x20-\x3C\x3E-\x7E]+$/;

/** @throws ConfigError when a referenced object or key is missing. */
export async function environmentOf(input: EnvInput): Promise<Map<string, string>> {
  const env = new Map<string, string>();
  await addWholeObjects(input, env);
  for (const variable of input.container.env ?? []) {
    const value = await valueOf(variable, input, env);
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of input.services) if (!env.has(name)) env.set(name, value);
  return env;
}

async function addWholeObjects({ pod, container, sources }: EnvInput, env: Map<string, string>): Promise<void> {
  const namespace = pod.metadata.namespace ?? '';
  for (const { prefix, configMapRef, secretRef } of container.envFrom ?? []) {
    const reference = configMapRef ?? secretRef;
    if (reference?.name === undefined) continue;
    const entries =
      configMapRef === undefined
        ? await entriesOfSecret(sources, namespace, reference.name, reference.optional)
        : await entriesOfConfigMap(sources, namespace, reference.name, reference.optional);
    const owner = `${configMapRef === undefined ? 'Secret' : 'ConfigMap'} ${namespace}/${reference.name}`;
    for (const [key, value] of entries ?? []) {
      const name = `${prefix ?? ''}${key}`;
      if (usableName.test(name)) env.set(name, textOf(value, key, owner));
    }
  }
}

async function valueOf(
  variable: EnvVar,
  input: EnvInput,
  env: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const { pod, container, facts, sources, services } = input;
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? '', (name) => env.get(name) ?? services.get(name));
  const namespace = pod.metadata.namespace ?? '';
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef !== undefined) {
    const { containerName } = from.resourceFieldRef;
    const other = containerName === undefined ? container : containerNamed(pod, containerName);
    if (other === undefined) throw new ConfigError(`container ${containerName ?? ''} not found`);
    return resourceValue(other, from.resourceFieldRef, facts);
  }
  if (from.configMapKeyRef?.name !== undefined) {
    const { name, key, optional } = from.configMapKeyRef;
    const entries = await entriesOfConfigMap(sources, namespace, name, optional);
    return keyOf(entries, key, optional, `ConfigMap ${namespace}/${name}`);
  }
  if (from.secretKeyRef?.name !== undefined) {
    const { name, key, optional } = from.secretKeyRef;
    const entries = await entriesOfSecret(sources, namespace, name, optional);
    return keyOf(entries, key, optional, `Secret ${namespace}/${name}`);
  }
  throw new ConfigError(`environment variable ${variable.name} has a valueFrom that this node does not support`);
}

type Entries = ReadonlyMap<string, string | Buffer> | undefined;

function keyOf(entries: Entries, key: string, optional: boolean | undefined, owner: string): string | undefined {
  const value = entries?.get(key);
  if (value === undefined && optional !== true) throw new ConfigError(`couldn't find key ${key} in ${owner}`);
  return value === undefined ? undefined : textOf(value, key, owner);
}

/** @throws ConfigError when it is no text */
function textOf(value: string | Buffer, key: string, owner: string): string {
  const isText = typeof value === 'string' || isUtf8(value);
  const text = value.toString('utf8');
  if (isText && !text.includes('\0')) return text;
  throw new ConfigError(`key ${key} in ${owner} is not text, as environment variables must be: mount it as a volume`);
}

/** Undefined: absent and optional. Those with binary data are for volumes. @throws ConfigError when it is absent and needed. */
async function entriesOfConfigMap(
  sources: ConfigSources,
  namespace: string,
  name: string,
  optional: boolean | undefined,
): Promise<Entries> {
  const object = await sources.configMap(namespace, name);
  if (object !== undefined) return new Map(Object.entries(object.data ?? {}));
  if (optional === true) return undefined;
  throw new ConfigError(`configmap "${name}" not found`);
}

/** Undefined: absent and optional. @throws ConfigError when it is absent and needed. */
async function entriesOfSecret(
  sources: ConfigSources,
  namespace: string,
  name: string,
  optional: boolean | undefined,
): Promise<Entries> {
  const object = await sources.secret(namespace, name);
  if (object !== undefined) return secretEntries(object);
  if (optional === true) return undefined;
  throw new ConfigError(`secret "${name}" not found`);
}
