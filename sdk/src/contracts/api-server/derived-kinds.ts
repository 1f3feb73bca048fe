import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import type { OpenApiSchema, ResourceDefinition } from './index.ts';

/**
 * What is different about kinds that users describe while the cluster runs (CustomResourceDefinitions): their schemas change under
 * objects that are stored already. They are sent as JSON or YAML only, and have no strategic merge patch.
 */
export interface UntypedForm {
  /** The apiVersion in which objects are stored from now on. Others lie there as they were written. */
  readonly storedVersion: string;
  /** Drops from a private copy what the kind has no field for, metadata aside. Returns the paths of what it dropped. */
  decode(object: Record<string, unknown>): string[];
  /**
   * Shows stored objects, which are frozen and may be of any version, in the version and by the schema of this kind: one for each, in
   * the same order, and the very same object where there is nothing to change. @throws ApiError when they cannot be converted
   */
  present(stored: readonly KubeObject[]): readonly KubeObject[] | Promise<readonly KubeObject[]>;
  /** The form in which an object of this kind is stored. What it returns may share parts with it. @throws ApiError */
  store(object: KubeObject): KubeObject | Promise<KubeObject>;
}

/** Kinds that stored objects describe. */
export interface DerivedKinds {
  /** The kind of the objects that describe others. */
  source(): Pick<ResourceDefinition, 'group' | 'resource'>;
  /**
   * What all these objects describe. Asked at each change of one of them: the same definitions, not equal ones, for those that did
   * not change, since watches of a kind end with its definition.
   */
  derive(objects: readonly KubeObject[]): {
    readonly definitions: readonly ResourceDefinition[];
    readonly schemas: Readonly<Record<string, OpenApiSchema>>;
  };
}

/** Token of {@link DerivedKinds}. */
export const derivedKinds: ServiceToken<DerivedKinds, 'many'> = defineService<DerivedKinds, 'many'>(
  'api.derived-kinds',
  { major: 1, cardinality: 'many', sync: ['source', 'derive'] },
);
