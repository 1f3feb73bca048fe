/** The two ways in which device plugins come: they call at the node's socket, or leave a socket where it looks. */
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GrpcError, isListening, serveGrpc, type GrpcServer } from '@timonel/sdk/grpc';
import type { PluginHandler, PluginInfo } from '@timonel/sdk/node-plugins';
import { errorMessage } from '@timonel/sdk';
import { apiVersion, calls, type RegisterRequest } from './messages.ts';
import type { Sources } from './sources.ts';

const socketName = 'kubelet.sock';

export function devicesDirectory(kubelet: string): string {
  return join(kubelet, 'device-plugins');
}

export function devicePluginHandler(sources: Sources, added: () => Promise<void>): PluginHandler {
  return {
    type: 'DevicePlugin',
    async register({ name, endpoint, supportedVersions }: PluginInfo) {
      if (!supportedVersions.includes(apiVersion)) throw new Error(versionProblem(supportedVersions.join(', ')));
      await sources.add(name, endpoint);
      await added();
    },
    deregister: ({ name, endpoint }) => sources.remove(name, endpoint),
  };
}

const versionProblem = (version: string): string =>
  `requested API version "${version}" is not supported by this node. Supported version is "${apiVersion}"`;

/**
 * Serves `kubelet.sock`. Plugins see it made anew and register; sockets of plugins of an earlier time are removed, as the kubelet does: some
 * plugins look whether theirs is still there. @throws Error EADDRINUSE when another kubelet serves there
 */
export async function serveRegistration(
  directory: string,
  sources: Sources,
  options: { added(): Promise<void>; reportFault(error: unknown): void },
): Promise<GrpcServer> {
  const socket = join(directory, socketName);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  if (!(await isListening(socket))) await removeSockets(directory);
  const handle = async ({ version, endpoint, resourceName }: RegisterRequest): Promise<object> => {
    if (version !== apiVersion) throw new GrpcError('INVALID_ARGUMENT', versionProblem(version));
    if (endpoint === '' || endpoint === socketName || basename(endpoint) !== endpoint)
      throw new GrpcError('INVALID_ARGUMENT', `endpoint "${endpoint}" is no name of a socket in ${directory}`);
    try {
      await sources.add(resourceName, join(directory, endpoint));
      await options.added();
    } catch (error) {
      throw new GrpcError('FAILED_PRECONDITION', errorMessage(error), error);
    }
    return {};
  };
  return serveGrpc({
    socket,
    methods: [{ method: calls.register, handle }],
    messageLimitBytes: 64 * 1024,
    reportFault: (error) => options.reportFault(error),
  });
}

async function removeSockets(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if ((await lstat(path)).isSocket()) await rm(path, { force: true });
  }
}
