/** What goes over the wire under `/join/v1`, as JSON. Certificates, requests and keys are PEM. */

/** Paths of the calls. */
export const joinPaths: {
  readonly authority: string;
  readonly agents: string;
  readonly servers: string;
  readonly renew: string;
} = Object.freeze({
  /** GET, for everybody: {@link AuthorityAnswer}. */
  authority: '/join/v1/ca',
  /** POST, with a token: {@link AgentJoinRequest}, {@link AgentJoinAnswer}. */
  agents: '/join/v1/agents',
  /**
   * POST, with a token: {@link ServerJoinRequest}, {@link ServerJoinAnswer}. GET, for users: {@link ServersAnswer}; nodes say what they have
   * by {@link nodeReportQuery}.
   */
  servers: '/join/v1/servers',
  /** POST, with the node's certificate: {@link RenewRequest}, {@link RenewAnswer}. */
  renew: '/join/v1/renew',
});

/** The cluster's authority. Nothing proves it but the pin of the token. */
export interface AuthorityAnswer {
  /** All authorities that are believed, the one first that signs. */
  readonly ca: string;
  /** By which authorities of before vouch for those after them. Absent: servers of before know of none. */
  readonly succession?: string;
}

/** A machine that wants to be a node. */
export interface AgentJoinRequest {
  readonly token: string;
  readonly nodeName: string;
  /** Only its key counts. */
  readonly csr: string;
  /** IP addresses under which the servers reach the node. */
  readonly addresses: readonly string[];
  /** Its part of the pod addresses, where the cluster allocates none. Absent: the cluster allocates it. */
  readonly podCidr?: string | undefined;
}

/** What a node needs to run. */
export interface AgentJoinAnswer {
  readonly nodeName: string;
  /** Of `system:node:<nodeName>`, for client and server. */
  readonly certificate: string;
  readonly ca: string;
  /** URLs of the API servers that are known now. */
  readonly servers: readonly string[];
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** The node's part of the cluster's pod addresses; empty when nobody has allocated one yet. */
  readonly podCidr: string;
}

/** A machine that wants to be a server, with a member of the store. */
export interface ServerJoinRequest {
  readonly token: string;
  readonly name: string;
  readonly memberId: string;
  /** `HOST:PORT` of its peer listener. */
  readonly peerUrl: string;
  /** For the peer certificate; only its key counts. */
  readonly csr: string;
}

/** What a server needs to run. Holds the cluster's secrets: only ever sent over a verified connection. */
export interface ServerJoinAnswer {
  /** Of the store member, for client and server. */
  readonly certificate: string;
  readonly ca: string;
  /** Of the first authority of `ca`. */
  readonly caKey: string;
  /** See {@link AuthorityAnswer}. */
  readonly succession?: string;
  /** Base64. What the store keeps for servers alone is sealed by it. Absent, as the next: servers of before derive it from `caKey`. */
  readonly masterKey?: string;
  /** PEM. By it tokens of service accounts are signed. */
  readonly signingKey?: string;
  /** The administrator's token, the same on all servers. */
  readonly adminToken: string;
  readonly servers: readonly string[];
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

/** Asks for another certificate of the same name. */
export interface RenewRequest {
  readonly csr: string;
  /** IP addresses under which the servers reach the node. */
  readonly addresses: readonly string[];
}

/** The next certificate. */
export interface RenewAnswer {
  readonly certificate: string;
  /** All authorities that are believed, the one first that signed it. */
  readonly ca: string;
  readonly servers: readonly string[];
}

/** Where the API is served. */
export interface ServersAnswer {
  readonly servers: readonly string[];
  /** All authorities that are believed, the one first that signs. Absent: servers of before do not say. */
  readonly ca?: string;
}

/** What a node says of its certificate. Authorities are named by the hex SHA-256 of their public key info. */
export interface NodeReport {
  readonly issuer: string;
  readonly trusts: readonly string[];
  /** RFC 3339. */
  readonly notAfter: string;
}

/** Annotation of a Node that joined: hex SHA-256 of the public key info of its certificate. */
export const nodeKeyAnnotation = 'timonel.dev/node-key';

/** Annotation of a Node, by the servers: its {@link NodeReport} as JSON. */
export const nodeReportAnnotation = 'timonel.dev/certificate';

const mostTrusted = 16;
const fingerprint = /^[0-9a-f]{64}$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The report as a query. */
export function nodeReportQuery({ issuer, trusts, notAfter }: NodeReport): string {
  return String(new URLSearchParams({ issuer, trusts: trusts.slice(0, mostTrusted).join(','), notAfter }));
}

/** The report of a query; undefined when there is none, or no proper one. */
export function readNodeReport(query: URLSearchParams): NodeReport | undefined {
  const issuer = query.get('issuer') ?? '';
  const notAfter = query.get('notAfter') ?? '';
  const trusts = (query.get('trusts') ?? '').split(',');
  const isProper = trusts.length <= mostTrusted && [issuer, ...trusts].every((one) => fingerprint.test(one));
  return isProper && instant.test(notAfter) ? { issuer, trusts, notAfter } : undefined;
}

/** The report that a Node has; undefined without a proper one. */
export function nodeReportOf(annotations: Readonly<Record<string, string>> | undefined): NodeReport | undefined {
  try {
    const { issuer, trusts, notAfter } = JSON.parse(annotations?.[nodeReportAnnotation] ?? '') as NodeReport;
    return readNodeReport(new URLSearchParams({ issuer, trusts: trusts.join(','), notAfter }));
  } catch {
    return undefined;
  }
}
