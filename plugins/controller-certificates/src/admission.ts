/** Who may ask for, approve and sign certificates. Source: Kubernetes' admission of certificates. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  forbiddenBy,
  refuse,
  type AdmissionContext,
  type AdmissionObject,
  type AdmissionRefusal,
} from '@timonel/sdk/contracts/api-server';
import { jsonEqual } from '@timonel/sdk/controller';
import type { CertificateSigningRequest } from '@timonel/sdk/kube';
import { readSigningRequest } from '@timonel/sdk/pki';
import { maySigner } from './access-reviews.ts';
import { administrators, legacySigner, reservedGroup, userSigner } from './signers.ts';

async function creationProblem({ spec }: CertificateSigningRequest): Promise<string | undefined> {
  if (spec.signerName === legacySigner) return `nobody signs for ${legacySigner}: name the signer that is meant`;
  if (spec.signerName !== userSigner) return undefined;
  const asked = await readSigningRequest(Buffer.from(spec.request, 'base64').toString('latin1'), 'common').catch(
    () => undefined,
  );
  const group = asked === undefined ? undefined : reservedGroup(asked);
  return group === undefined ? undefined : `use of ${userSigner} signer with ${group} group is not allowed`;
}

/** Whether a write of the status does what only the signer does. */
function signs(object: CertificateSigningRequest, old: CertificateSigningRequest | undefined): boolean {
  const { certificate, conditions = [] } = object.status ?? {};
  const before = old?.status;
  return certificate !== before?.certificate || !jsonEqual(conditions, before?.conditions ?? []);
}

async function problemOf(
  api: ApiClient,
  object: CertificateSigningRequest,
  { operation, subresource, user, oldObject }: AdmissionContext,
): Promise<string | undefined> {
  if (operation === 'CREATE') return creationProblem(object);
  if (operation !== 'UPDATE' || user.groups.includes(administrators)) return undefined;
  const { signerName } = object.spec;
  if (subresource === 'approval' && !(await maySigner(api, user, 'approve', signerName)))
    return `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`;
  const isSigning = subresource === 'status' && signs(object, oldObject as CertificateSigningRequest | undefined);
  if (isSigning && !(await maySigner(api, user, 'sign', signerName)))
    return `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`;
  return undefined;
}

export async function refusalsOf(
  api: ApiClient,
  object: AdmissionObject,
  context: AdmissionContext,
): Promise<AdmissionRefusal[] | undefined> {
  const problem = await problemOf(api, object as unknown as CertificateSigningRequest, context);
  return problem === undefined ? undefined : [refuse(forbiddenBy(context, problem))];
}
