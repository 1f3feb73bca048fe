/** Who answers as an API server. The authority signs nodes, too, for clients and servers, with the names and addresses that they say. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { nodesGroup } from './profiles.ts';

export const nodeAsServerCode = 'ERR_TLS_CERT_OF_NODE';

/** For TLS connections to API servers: beside the name that is checked anyway, the certificate must not be a node's. */
export function checkApiServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  // Several organisations come as a list, whatever the types say.
  const organizations: unknown = certificate.subject?.O;
  if ([organizations].flat().includes(nodesGroup)) {
    const message = `the certificate of ${host} is that of a node, not of an API server`;
    return Object.assign(new Error(message), { code: nodeAsServerCode });
  }
  return checkServerIdentity(host, certificate);
}
