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
  /** POST, with a token: {@link ServerJoinRequest}, {@link ServerJoinAnswer}. GET, for users: {@link ServersAnswer}. */
  servers: '/join/v1/servers',
  /** POST, with the node's certificate: {@link RenewRequest}, {@link RenewAnswer}. */
  renew: '/join/v1/renew',
});

/** The cluster's authority. Nothing proves it but the pin of the token. */
export interface AuthorityAnswer {
  readonly ca: string;
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
  readonly caKey: string;
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
  readonly ca: string;
  readonly servers: readonly string[];
}

/** Where the API is served. */
export interface ServersAnswer {
  readonly servers: readonly string[];
}
