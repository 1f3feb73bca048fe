/** Refusals of policies, in the words of Kubernetes. */
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import { forbiddenBy } from '@timonel/sdk/contracts/api-server';
import type { Status } from '@timonel/sdk/kube';

const codes: Readonly<Record<string, number>> = {
  Invalid: 422,
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
};

export function refusalBy(request: AdmissionRequest, why: string, reason: string): Status {
  const { status } = forbiddenBy(request, why);
  return {
    ...status,
    reason,
    code: codes[reason] ?? 422,
    details: { ...status.details, causes: [{ message: why }] },
  };
}
