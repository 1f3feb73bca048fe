/** What a node says of its certificate is written to its Node: who replaces the authority waits for nodes to know the next one. */
import { errorMessage } from '@timonel/sdk';
import type { ClientCertificate } from '@timonel/sdk/contracts/auth';
import { nodeKeyAnnotation, nodeReportAnnotation, readNodeReport } from '@timonel/sdk/join';
import { nodes } from '@timonel/sdk/kube';
import { nodeNameOfSubject } from '@timonel/sdk/pki';
import type { JoinParts } from '../parts.ts';

/** Nothing hangs on it at once: what fails is told again at the next call. */
export async function noteReport(
  { api, log }: Pick<JoinParts, 'api' | 'log'>,
  query: URLSearchParams,
  certificate: ClientCertificate | undefined,
): Promise<void> {
  const name = certificate === undefined ? undefined : nodeNameOfSubject(certificate);
  const report = readNodeReport(query);
  if (certificate === undefined || name === undefined || report === undefined) return;
  try {
    const { metadata } = await api.get(nodes, { name });
    const { annotations = {}, resourceVersion } = metadata;
    const text = JSON.stringify(report);
    const isItself = annotations[nodeKeyAnnotation] === certificate.publicKeyFingerprint;
    if (!isItself || annotations[nodeReportAnnotation] === text) return;
    const body = { metadata: { resourceVersion, annotations: { [nodeReportAnnotation]: text } } };
    await api.patch(nodes, { name }, { type: 'merge', body }, { fieldManager: 'cluster-join' });
  } catch (error) {
    log.debug({ node: name, error: errorMessage(error) }, 'what a node says of its certificate was not written down');
  }
}
