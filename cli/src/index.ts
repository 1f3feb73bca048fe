export { runCluster, nodeReady, type RunningCluster, type RunOptions } from './cluster/run-cluster.ts';
export { loadPluginFile } from './cluster/plugin-loader.ts';
export { profiles } from './profiles/index.ts';
export type { ClusterSettings, Profile, ProfileEntry } from './profiles/profile.ts';
