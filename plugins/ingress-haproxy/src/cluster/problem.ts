import type { KubeObject, ResourceType } from '@timonel/sdk/kube';

/** What is wrong with an object, for its author. */
export interface Problem {
  readonly type: ResourceType;
  readonly object: KubeObject;
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
  /** What would help. */
  readonly unblock?: string;
}
