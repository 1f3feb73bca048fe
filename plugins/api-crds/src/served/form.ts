/** How objects of a version lie in the store, and how they are shown in it. */
import type { UntypedForm } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { isOverBudget } from '../schema/budget.ts';
import type { Json, Schema } from '../schema/schema.ts';
import type { Converter } from './converter.ts';
import { prune, setDefaults } from './strategy.ts';

/**
 * Shown by the schema: the very same object where there is nothing to change. `converted`: it is a private copy already. What a later
 * schema would make too large is shown as it is: it could neither be listed nor deleted otherwise, nor could its definition.
 */
function bySchema(object: KubeObject, schema: Schema, converted: boolean): KubeObject {
  const copy = converted ? object : structuredClone(object);
  try {
    const dropped = prune(copy as unknown as Json, schema).length;
    const set = setDefaults(copy as unknown as Json, schema);
    return converted || dropped + set > 0 ? copy : object;
  } catch (error) {
    if (!isOverBudget(error)) throw error;
    return object;
  }
}

export function formOf(apiVersion: string, storedVersion: string, schema: Schema, converter: Converter): UntypedForm {
  const show = (objects: readonly KubeObject[], stored: readonly KubeObject[]): KubeObject[] =>
    objects.map((object, index) => bySchema(object, schema, object !== stored[index]));
  return {
    storedVersion,
    decode: (object) => prune(object, schema),
    present(stored) {
      const converted = converter.convert(stored, apiVersion);
      return converted instanceof Promise
        ? converted.then((objects) => show(objects, stored))
        : show(converted, stored);
    },
    store(object) {
      const converted = converter.convert([object], storedVersion);
      const first = ([one]: readonly KubeObject[]): KubeObject => one ?? object;
      return converted instanceof Promise ? converted.then(first) : first(converted);
    },
  };
}
