/** Conversion of objects between the versions of a kind. */
import type { KubeObject } from '@timonel/sdk/kube';

export interface Converter {
  /** One for each, in the same order; the same object when it is in the version already, private copies else. */
  convert(objects: readonly KubeObject[], apiVersion: string): readonly KubeObject[] | Promise<readonly KubeObject[]>;
}

/** Versions that differ in nothing but their name. */
export const renaming: Converter = {
  convert: (objects, apiVersion) =>
    objects.map((object) => (object.apiVersion === apiVersion ? object : { ...structuredClone(object), apiVersion })),
};
