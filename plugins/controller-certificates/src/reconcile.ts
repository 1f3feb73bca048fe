/** What a request for a certificate needs: approval, the certificate, and its end. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, timestampMs, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { certificateSigningRequests, type CertificateSigningRequest } from '@timonel/sdk/kube';

/** What is to be done next with a request. */
export type Step =
  | { readonly step: 'wait' }
  /** A node asks for its own certificate. */
  | { readonly step: 'approve'; readonly message: string }
  | { readonly step: 'issue'; readonly certificatePem: string }
  | { readonly step: 'fail'; readonly message: string };

export interface Observed extends Observation<CertificateSigningRequest> {
  readonly next: Step;
}

const hourMs = 3_600_000;
const keptMs = { decided: hourMs, pending: 24 * hourMs } as const;

export function isDecided({ status }: CertificateSigningRequest, type: 'Approved' | 'Denied' | 'Failed'): boolean {
  return (status?.conditions ?? []).some((condition) => condition.type === type);
}

/** When the request goes, in ms since the epoch. */
function endMs(request: CertificateSigningRequest): number | undefined {
  const { conditions = [], certificate } = request.status ?? {};
  const isOver = certificate !== undefined || isDecided(request, 'Denied') || isDecided(request, 'Failed');
  if (isDecided(request, 'Approved') && !isOver) return undefined;
  const since = isOver ? conditions.at(-1)?.lastUpdateTime : request.metadata.creationTimestamp;
  const sinceMs = timestampMs(since);
  return sinceMs === undefined ? undefined : sinceMs + (isOver ? keptMs.decided : keptMs.pending);
}

function change(subject: CertificateSigningRequest, next: Step): Action | undefined {
  const { conditions = [] } = subject.status ?? {};
  const patch = (status: unknown, subresource: string, code: string, text: string): Action =>
    act.patch(
      certificateSigningRequests,
      subject,
      { type: 'merge', body: { status } },
      { subresource, cause: { code, text } },
    );
  switch (next.step) {
    case 'wait':
      return undefined;
    case 'approve': {
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: next.message };
      return patch(
        { conditions: [...conditions, approved] },
        'approval',
        'OfNode',
        'a node asks for its own certificate',
      );
    }
    case 'issue': {
      const certificate = Buffer.from(next.certificatePem).toString('base64');
      return patch({ certificate }, 'status', 'Approved', 'the request is approved');
    }
    case 'fail': {
      const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: next.message };
      return patch({ conditions: [...conditions, failed] }, 'status', 'Unfit', next.message);
    }
  }
}

export function reconcile({ subject, next, nowMs }: Observed): Reconciliation {
  if (subject === undefined || subject.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const end = endMs(subject);
  if (end !== undefined && end <= nowMs) {
    const cause = { code: 'Old', text: 'the request has been answered long ago, or never will be' };
    return { actions: [act.delete(certificateSigningRequests, subject, { cause })] };
  }
  const action = change(subject, next);
  return {
    actions: action === undefined ? [] : [action],
    ...(end === undefined ? {} : { requeueAfterMs: end - nowMs }),
  };
}

export function explain({ subject, next }: Observed): readonly Cause[] {
  const component = 'controller-certificates';
  if (subject === undefined || next.step !== 'wait' || (subject.status?.conditions ?? []).length > 0) return [];
  const text = `nobody has approved it: kubectl certificate approve ${subject.metadata.name ?? ''}`;
  return [{ component, code: 'NotApproved', text }];
}
