/** Plugins of nodes from outside: how CSI drivers and device plugins register with the node. */
export * from './directory.ts';
export * from './registration.ts';
export * from './watcher.ts';
