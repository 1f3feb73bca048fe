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
}

/** One plugin of a profile. */
export interface ProfileEntry {
  readonly plugin: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A named list of plugins with their configuration. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  entries(settings: ClusterSettings): readonly ProfileEntry[];
}
