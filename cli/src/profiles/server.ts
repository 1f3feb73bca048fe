import { controlPlane } from './control-plane.ts';
import type { ClusterSettings, Profile, ProfileEntry, ServerSettings } from './profile.ts';

/** What the plugins of a control plane are configured with beyond what `controlPlane` says, when it is one of several. */
function additions(
  server: ServerSettings,
  settings: ClusterSettings,
): Readonly<Record<string, ProfileEntry['config']>> {
  const { pkiDirectory, peer } = server;
  return {
    'store-raft': {
      cluster: {
        memberId: server.memberId,
        name: server.name,
        listen: peer.listen,
        advertise: peer.advertise,
        join: server.join,
        tls: {
          caFile: `${pkiDirectory}/ca.crt`,
          certFile: `${pkiDirectory}/peer.crt`,
          keyFile: `${pkiDirectory}/peer.key`,
        },
      },
    },
    apiserver: {
      listen: { address: settings.address, port: settings.port },
      extraSans: server.apiNames,
      pki: { directory: pkiDirectory },
    },
    'encryption-aesgcm': { pkiDirectory },
    'auth-serviceaccount': { pkiDirectory },
    'service-allocator': { clusterIpRange: settings.serviceCidr, publishEndpoint: false },
  };
}

function serverEntries(settings: ClusterSettings): readonly ProfileEntry[] {
  const { server } = settings;
  if (server === undefined) throw new Error('the profile server needs the settings of a server');
  const { pkiDirectory } = server;
  const more = additions(server, settings);
  return [
    ...controlPlane(settings).map(({ plugin, config }) => ({ plugin, config: { ...config, ...more[plugin] } })),
    { plugin: 'leader-election', config: { identity: server.name } },
    { plugin: 'controller-nodeipam', config: { clusterCidr: settings.clusterCidr } },
    {
      plugin: 'cluster-join',
      config: {
        name: server.name,
        memberId: server.memberId,
        url: server.url,
        ...(server.endpoint === undefined ? {} : { endpoint: server.endpoint }),
        peerNames: server.peerNames,
        pkiDirectory,
        adminTokenFile: server.adminTokenFile,
        clusterCidr: settings.clusterCidr,
        serviceCidr: settings.serviceCidr,
      },
    },
    {
      plugin: 'node-remote',
      config: {
        caFile: `${pkiDirectory}/ca.crt`,
        certFile: `${pkiDirectory}/master-client.crt`,
        keyFile: `${pkiDirectory}/master-client.key`,
      },
    },
  ];
}

/** A control plane without a node, one of several that share a store. Run by `timonel server`. */
export const serverProfile: Profile = {
  name: 'server',
  description: 'control plane only, one of several that share a replicated store',
  entries: serverEntries,
};
