/** Who may call this node: the control planes, by their certificates. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ApiError } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';

/** The handshake has checked the signature. Connections may outlive certificates. @throws ApiError Unauthorized, Forbidden */
export function checkCaller(request: IncomingMessage, groups: readonly string[], nowMs: number): void {
  const socket = request.socket as TLSSocket;
  const raw = socket.authorized ? socket.getPeerX509Certificate()?.raw : undefined;
  if (raw === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
  const { organizations, commonName, notAfter, notBefore } = readCertificate(raw);
  if (nowMs > notAfter || nowMs < notBefore) throw new ApiError('Unauthorized', 'Unauthorized');
  if (organizations.some((name) => groups.includes(name))) return;
  throw new ApiError('Forbidden', `"${commonName}" may not call this node: only ${groups.join(' and ')} may`);
}
