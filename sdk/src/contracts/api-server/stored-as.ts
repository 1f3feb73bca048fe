import type { KubeObject } from '../../kube/index.ts';

/**
 * A kind without storage of its own: it shows the objects of another kind (another version of the group, or the same objects in
 * another group) in its own shape. Its bodies are checked by its own schema and converted; defaults, admission, validation and
 * storage are those of the stored kind. Both ways together must lose nothing: what the one shape has no field for goes into
 * annotations, as Kubernetes does it.
 */
export interface StoredAs<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** Gets a private copy in the shape of the schema. The server sets kind and apiVersion. */
  toStored(object: T): KubeObject;
  /** Gets a frozen object; what it returns may share parts with it. The server sets kind and apiVersion. */
  fromStored(stored: KubeObject): T;
}
