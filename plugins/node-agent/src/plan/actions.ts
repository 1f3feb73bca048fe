/** What a plan asks its worker to do. Every action is idempotent: a plan made twice does no harm. */
export type Action =
  | { readonly type: 'create-sandbox'; readonly attempt: number }
  | { readonly type: 'stop-sandbox'; readonly sandboxId: string }
  | { readonly type: 'remove-sandbox'; readonly sandboxId: string }
  | { readonly type: 'attach-network'; readonly sandboxId: string; readonly networkNamespace: string | undefined }
  | { readonly type: 'detach-network'; readonly sandboxId: string }
  | { readonly type: 'start-container'; readonly container: string; readonly attempt: number; readonly init: boolean }
  /** A created container that was never started: the agent ended in between. */
  | { readonly type: 'resume-container'; readonly container: string; readonly containerId: string }
  | {
      readonly type: 'stop-container';
      readonly container: string;
      readonly containerId: string;
      readonly gracePeriodMs: number;
      /** What the event says. */
      readonly why: string;
    }
  | { readonly type: 'remove-container'; readonly containerId: string }
  /** Writes the last status and waits for it, before the traces it is made of are removed. */
  | { readonly type: 'report-final-status' }
  | { readonly type: 'remove-pod-data' }
  | { readonly type: 'delete-object' };

export interface Plan {
  readonly actions: readonly Action[];
  /** ms since the epoch: plan again then, when nothing else happens before. */
  readonly wakeAt: number | undefined;
}
