/** Finds out what is to be done with a request: reads it, asks for rights, signs. */
import { errorMessage } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ClusterAuthority } from '@timonel/sdk/contracts/auth';
import type { CertificateSigningRequest } from '@timonel/sdk/kube';
import { readSigningRequest } from '@timonel/sdk/pki';
import { isAllowed } from './access-reviews.ts';
import { isDecided, type Step } from './reconcile.ts';
import { approvedBy, isSigned, subjectFor } from './signers.ts';

const wait: Step = { step: 'wait' };
const approvals: Readonly<Record<string, string>> = {
  selfnodeclient: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  nodeclient: 'Auto approving kubelet client certificate after SubjectAccessReview.',
};

export interface StepParts {
  readonly api: ApiClient;
  readonly authority: ClusterAuthority;
}

/** @throws what the API throws */
export async function nextStep(request: CertificateSigningRequest, { api, authority }: StepParts): Promise<Step> {
  const { spec, status } = request;
  const isOver = status?.certificate !== undefined || isDecided(request, 'Denied') || isDecided(request, 'Failed');
  if (isOver || !isSigned(spec.signerName)) return wait;
  const pem = Buffer.from(spec.request, 'base64').toString('latin1');
  const isApproved = isDecided(request, 'Approved');
  let asked;
  try {
    asked = await readSigningRequest(pem, 'common');
  } catch (error) {
    return isApproved ? { step: 'fail', message: errorMessage(error) } : wait;
  }
  if (!isApproved) {
    const right = approvedBy(spec, asked);
    if (right === undefined) return wait;
    const { username = '', groups = [], uid, extra } = spec;
    const asker = {
      username,
      groups,
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
    };
    const wanted = { verb: 'create', resource: 'certificatesigningrequests', subresource: right };
    if (!(await isAllowed(api, asker, wanted))) return wait;
    return { step: 'approve', message: approvals[right] ?? '' };
  }
  const decision = subjectFor(spec, asked);
  if ('problem' in decision) return { step: 'fail', message: decision.problem };
  return { step: 'issue', certificatePem: await authority.sign(pem, decision.subject) };
}
