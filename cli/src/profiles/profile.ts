/** What a profile is made from: facts of the cluster and the machine, the same for every profile. */
export interface ClusterSettings {
  readonly instance: string;
  readonly nodeName: string;
  /** Where the API listens. */
  readonly address: string;
  readonly port: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Containers are removed when the cluster stops (`remove`), or go on without it (`keep`). */
  readonly onShutdown: 'remove' | 'keep';
  /** The `nft` command is there. */
  readonly hasNftables: boolean;
  /** Of a node of an ordinary user: see the guide of it. */
  readonly rootless?: RootlessSettings;
  /** The API servers of a node without a control plane: `https://HOST:PORT`. */
  readonly servers?: readonly string[];
  readonly pki?: NodePki;
  /** Holds those files, under the names that joining gives them; of a control plane that stands alone, its authority. */
  readonly pkiDirectory?: string;
  /** Under which the other machines reach this node. Absent: the address of the interface with the default route. */
  readonly nodeAddress?: string;
  /** Holds the pod addresses of all nodes; `podCidr` is this node's part of it. */
  readonly clusterCidr?: string;
  /** What only a control plane that is one of several has. */
  readonly server?: ServerSettings;
}

/** What a node in namespaces of its own is told. */
export interface RootlessSettings {
  /** A unix socket through which the machine's network is reached. */
  readonly tunnelSocket: string;
}

/** One of several control planes. */
export interface ServerSettings {
  readonly name: string;
  readonly memberId: string;
  /** Under which the other machines reach the API: `https://HOST:PORT`. */
  readonly url: string;
  /** The same by the IP address to which the service `kubernetes` leads. */
  readonly endpoint?: string;
  /** DNS names and IP addresses for the serving certificate. */
  readonly apiNames: readonly string[];
  /** The same for the peer certificate. */
  readonly peerNames: readonly string[];
  readonly peer: {
    readonly listen: { readonly address: string; readonly port: number };
    /** `HOST:PORT`. */
    readonly advertise: string;
  };
  /** The store begins empty and waits for a leader. */
  readonly join: boolean;
  readonly pkiDirectory: string;
  readonly adminTokenFile: string;
}

/** PEM files of a node: its certificate speaks to the API servers as a client and to their requests as a server. */
export interface NodePki {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** One plugin of a profile. */
export interface ProfileEntry {
  readonly plugin: string;
  /** False: it runs only where somebody enables it, and is configured by then. Default true. */
  readonly enabled?: false;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A named list of plugins with their configuration. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** Nobody enables other plugins while it runs: they need not be loaded. */
  readonly closed?: true;
  entries(settings: ClusterSettings): readonly ProfileEntry[];
}
