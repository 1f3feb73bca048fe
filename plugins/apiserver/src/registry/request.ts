/** What every write carries with it. */
import type { AdmissionNotes } from '@timonel/sdk/contracts/admission';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { KubeObject } from '@timonel/sdk/kube';
import type { JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';

/** One object of a kind, and who wants it. */
export interface Target {
  readonly kind: Kind;
  /** What the client asked for, where that is a view of the kind. */
  readonly asked?: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly user: UserInfo;
  /** The plugin of this process that asks, by its client. */
  readonly plugin?: string | undefined;
  /** The name under which it owns what it writes. */
  readonly manager: string;
  readonly dryRun: boolean;
  /** Absent: nobody wants to know. */
  readonly notes?: AdmissionNotes;
}

/** What a write leaves behind. */
export interface Written {
  /** Frozen. */
  readonly object: KubeObject;
  /** JSON of it. */
  readonly wire: Buffer;
}

/** Checks the shape of an object by its schema and drops what the schema does not have. @throws ApiError BadRequest */
export type ShapeCheck = (object: JsonObject, kind: Kind) => void;

/** The same target, of the kind whose objects a view shows. */
export function inStoredShape<T extends { readonly kind: Kind }>(target: T): T {
  const { view } = target.kind;
  return view === undefined ? target : { ...target, kind: view.stored, asked: target.kind };
}
