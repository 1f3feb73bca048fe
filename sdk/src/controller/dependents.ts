/** Which owners are concerned when one of their dependents changes. */
import { controllerOf, objectKey, type KubeObject, type ResourceType } from '../kube/index.ts';
import type { Informer } from './informer.ts';

/** Index function: objects that nobody controls by namespace, for owners of that namespace that might adopt them. */
export function byNamespaceOfOrphan(object: KubeObject): string | undefined {
  return controllerOf(object) === undefined ? object.metadata.namespace : undefined;
}

/**
 * For `keysFrom` of dependents: the key of an object's controller, if that is of this type; of an orphan, the keys of all that
 * select it. `owners` needs the index `namespace` ({@link byNamespace}).
 */
export function ownersOf<T extends KubeObject>(
  type: ResourceType<T>,
  owners: Informer<T>,
  selects: (owner: T, labels: Readonly<Record<string, string>>) => boolean,
): (dependent: KubeObject) => string[] {
  return ({ metadata }) => {
    const { namespace = '', labels = {} } = metadata;
    const controller = controllerOf({ metadata });
    if (controller !== undefined) return controller.kind === type.kind ? [`${namespace}/${controller.name}`] : [];
    return owners
      .byIndex('namespace', namespace)
      .filter((owner) => selects(owner, labels))
      .map(objectKey);
  };
}
