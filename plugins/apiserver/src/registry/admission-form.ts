/** Objects under admission in the forms in which they are served: other versions, other groups. */
import type { AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import type { KubeObject } from '@timonel/sdk/kube';
import { copyJson, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';

export interface Form {
  readonly kind: Kind;
  show(object: AdmissionObject): Promise<AdmissionObject>;
  /** The form of the request again. */
  restore(object: AdmissionObject): Promise<AdmissionObject>;
}

export function isNamed({ definition }: Kind, name: ServedName): boolean {
  const { group, version, resource } = definition;
  return group === name.group && version === name.version && resource === name.resource;
}

async function presented({ definition: { untyped } }: Kind, object: AdmissionObject): Promise<AdmissionObject> {
  const [shown = object] = (await untyped?.present([object])) ?? [];
  return shown as AdmissionObject;
}

/** What subresources take need not be of the kind of the objects that they hang on. */
export function isOf(kind: Kind, object: AdmissionObject): boolean {
  return object.kind === kind.definition.kind && object.apiVersion === kind.apiVersion;
}

/** `kind`: of the request. Undefined: both have the same form. */
export function formOf(kind: Kind, shown: Kind | undefined): Form | undefined {
  if (shown === undefined || shown === kind) return undefined;
  const { view } = shown;
  const show = async (object: AdmissionObject): Promise<AdmissionObject> =>
    view === undefined ? presented(shown, object) : (view.shapeOf(object) as AdmissionObject);
  const restore = async (object: AdmissionObject): Promise<AdmissionObject> => {
    if (view === undefined) return presented(kind, object);
    const stored = view.enter(copyJson(object) as JsonObject) as unknown as KubeObject;
    kind.definition.strategy.default?.(stored);
    return stored as AdmissionObject;
  };
  const known = new WeakMap<AdmissionObject, AdmissionObject>();
  return {
    kind: shown,
    async show(object) {
      if (!isOf(kind, object)) return object;
      const converted = known.get(object) ?? (await show(object));
      known.set(object, converted);
      return converted;
    },
    restore: async (object) => (isOf(shown, object) ? restore(object) : object),
  };
}
