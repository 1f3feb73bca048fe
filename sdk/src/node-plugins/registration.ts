/** How plugins of a node tell of themselves: the kubelet's `pluginregistration.v1`, over a socket of each plugin in one directory. */
import { grpcService, type GrpcMethod } from '../grpc/index.ts';

const proto = `
message InfoRequest {}
message PluginInfo { string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4; }
message RegistrationStatus { bool plugin_registered = 1; string error = 2; }
message RegistrationStatusResponse {}
`;

export interface PluginInfo {
  /** `CSIPlugin`, `DevicePlugin`, `DRAPlugin`. */
  readonly type: string;
  readonly name: string;
  /** Where it serves. Empty: at the socket where it registers. */
  readonly endpoint: string;
  readonly supportedVersions: readonly string[];
}

const method = grpcService(proto, 'pluginregistration.Registration');

export const getInfo: GrpcMethod<object, PluginInfo> = method<object, PluginInfo>(
  'GetInfo',
  'InfoRequest',
  'PluginInfo',
);
export interface Status {
  readonly pluginRegistered: boolean;
  /** Why not. */
  readonly error: string;
}

export const notifyStatus: GrpcMethod<Status, object> = method<Status, object>(
  'NotifyRegistrationStatus',
  'RegistrationStatus',
  'RegistrationStatusResponse',
);
