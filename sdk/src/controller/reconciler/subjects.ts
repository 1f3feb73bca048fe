/** Which objects a controller is about, and how its keys name them: those of one type, or of several, where keys name the type too. */
import type { ExplainedObject } from '../../contracts/why/index.ts';
import { objectKey, type KubeObject, type ResourceType } from '../../kube/index.ts';

const typeId = ({ group, resource }: Pick<ResourceType, 'group' | 'resource'>): string => `${group}/${resource}`;

/** Key of an object for a controller whose subjects are of several types: `apps/replicasets default/web`. */
export function subjectKey(type: ResourceType, object: KubeObject): string {
  return `${typeId(type)} ${objectKey(object)}`;
}

/** The parts of a {@link subjectKey}. Undefined: it is of none of the types. */
export function subjectOfKey<T extends KubeObject>(
  types: readonly ResourceType<T>[],
  key: string,
): { readonly type: ResourceType<T>; readonly objectKey: string } | undefined {
  const [id = '', at = ''] = key.split(' ', 2);
  const type = types.find((candidate) => typeId(candidate) === id);
  return type === undefined ? undefined : { type, objectKey: at };
}

export interface Subjects<T extends KubeObject> {
  readonly types: readonly ResourceType<T>[];
  readonly typeOf: (key: string) => ResourceType<T> | undefined;
  readonly keyOf: (object: ExplainedObject) => string;
}

function isOne<T extends KubeObject>(
  subject: ResourceType<T> | readonly ResourceType<T>[],
): subject is ResourceType<T> {
  return !Array.isArray(subject);
}

export function subjectsOf<T extends KubeObject>(subject: ResourceType<T> | readonly ResourceType<T>[]): Subjects<T> {
  const nameOf = ({ namespace, name }: ExplainedObject): string =>
    namespace === undefined ? name : `${namespace}/${name}`;
  if (isOne(subject)) return { types: [subject], typeOf: () => subject, keyOf: nameOf };
  return {
    types: subject,
    typeOf: (key) => subjectOfKey(subject, key)?.type,
    keyOf: (object) => `${typeId(object)} ${nameOf(object)}`,
  };
}
