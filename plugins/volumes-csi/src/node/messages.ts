/** The messages of CSI 1.x that are spoken with node services: their field numbers, and of each message only the fields that are used. */
import { grpcService, type GrpcMethod } from '@timonel/sdk/grpc';

const proto = `
message Empty {}
message BoolValue { bool value = 1; }
message GetPluginInfoResponse { string name = 1; string vendor_version = 2; }
message ProbeResponse { BoolValue ready = 1; }
message Topology { map<string, string> segments = 1; }
message NodeGetInfoResponse { string node_id = 1; int64 max_volumes_per_node = 2; Topology accessible_topology = 3; }
message Rpc { int32 type = 1; }
message NodeServiceCapability { Rpc rpc = 1; }
message NodeGetCapabilitiesResponse { repeated NodeServiceCapability capabilities = 1; }
message MountVolume { string fs_type = 1; repeated string mount_flags = 2; string volume_mount_group = 3; }
message AccessMode { int32 mode = 1; }
message VolumeCapability { oneof access_type { Empty block = 1; MountVolume mount = 2; } AccessMode access_mode = 3; }
message NodeStageVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3; VolumeCapability volume_capability = 4;
  map<string, string> secrets = 5; map<string, string> volume_context = 6;
}
message NodeUnstageVolumeRequest { string volume_id = 1; string staging_target_path = 2; }
message NodePublishVolumeRequest {
  string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3; string target_path = 4;
  VolumeCapability volume_capability = 5; bool readonly = 6; map<string, string> secrets = 7; map<string, string> volume_context = 8;
}
message NodeUnpublishVolumeRequest { string volume_id = 1; string target_path = 2; }
message NodeGetVolumeStatsRequest { string volume_id = 1; string volume_path = 2; string staging_target_path = 3; }
message VolumeUsage { int64 available = 1; int64 total = 2; int64 used = 3; int32 unit = 4; }
message NodeGetVolumeStatsResponse { repeated VolumeUsage usage = 1; }
message CapacityRange { int64 required_bytes = 1; int64 limit_bytes = 2; }
message NodeExpandVolumeRequest {
  string volume_id = 1; string volume_path = 2; CapacityRange capacity_range = 3; string staging_target_path = 4;
  VolumeCapability volume_capability = 5; map<string, string> secrets = 6;
}
message NodeExpandVolumeResponse { int64 capacity_bytes = 1; }
`;

type Strings = Readonly<Record<string, string>>;

/** `VolumeCapability.AccessMode.Mode`. */
export const accessMode = {
  singleNodeWriter: 1,
  singleNodeReaderOnly: 2,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const;

/** `NodeServiceCapability.RPC.Type`. */
export const nodeCapability = {
  stageUnstageVolume: 1,
  getVolumeStats: 2,
  expandVolume: 3,
  singleNodeMultiWriter: 5,
  volumeMountGroup: 6,
} as const;

/** `VolumeUsage.Unit`. */
export const usageUnit = { bytes: 1, inodes: 2 } as const;

export interface VolumeCapability {
  readonly block?: object;
  readonly mount?: {
    readonly fsType: string;
    readonly mountFlags: readonly string[];
    readonly volumeMountGroup: string;
  };
  readonly accessMode: { readonly mode: number };
}

export interface NodeInfo {
  readonly nodeId: string;
  readonly maxVolumesPerNode: number;
  readonly accessibleTopology: { readonly segments: Strings } | null;
}

export interface StageRequest {
  readonly volumeId: string;
  readonly publishContext: Strings;
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Strings;
  readonly volumeContext: Strings;
}

export interface PublishRequest extends StageRequest {
  readonly targetPath: string;
  readonly readonly: boolean;
}

export interface StatsRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly stagingTargetPath: string;
}

export interface StatsAnswer {
  readonly usage: readonly {
    readonly available: number;
    readonly total: number;
    readonly used: number;
    readonly unit: number;
  }[];
}

export interface ExpandRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly capacityRange: { readonly requiredBytes: number };
  readonly stagingTargetPath: string;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Strings;
}

const identity = grpcService(proto, 'csi.v1.Identity');
const node = grpcService(proto, 'csi.v1.Node');

interface Calls {
  readonly getPluginInfo: GrpcMethod<object, { readonly name: string; readonly vendorVersion: string }>;
  readonly probe: GrpcMethod<object, { readonly ready: { readonly value: boolean } | null }>;
  readonly nodeGetInfo: GrpcMethod<object, NodeInfo>;
  readonly nodeGetCapabilities: GrpcMethod<
    object,
    { readonly capabilities: readonly { readonly rpc: { readonly type: number } | null }[] }
  >;
  readonly nodeStage: GrpcMethod<StageRequest, object>;
  readonly nodeUnstage: GrpcMethod<{ readonly volumeId: string; readonly stagingTargetPath: string }, object>;
  readonly nodePublish: GrpcMethod<PublishRequest, object>;
  readonly nodeUnpublish: GrpcMethod<{ readonly volumeId: string; readonly targetPath: string }, object>;
  readonly nodeStats: GrpcMethod<StatsRequest, StatsAnswer>;
  readonly nodeExpand: GrpcMethod<ExpandRequest, { readonly capacityBytes: number }>;
}

export const calls: Calls = {
  getPluginInfo: identity('GetPluginInfo', 'Empty', 'GetPluginInfoResponse'),
  probe: identity('Probe', 'Empty', 'ProbeResponse'),
  nodeGetInfo: node('NodeGetInfo', 'Empty', 'NodeGetInfoResponse'),
  nodeGetCapabilities: node('NodeGetCapabilities', 'Empty', 'NodeGetCapabilitiesResponse'),
  nodeStage: node('NodeStageVolume', 'NodeStageVolumeRequest', 'Empty'),
  nodeUnstage: node('NodeUnstageVolume', 'NodeUnstageVolumeRequest', 'Empty'),
  nodePublish: node('NodePublishVolume', 'NodePublishVolumeRequest', 'Empty'),
  nodeUnpublish: node('NodeUnpublishVolume', 'NodeUnpublishVolumeRequest', 'Empty'),
  nodeStats: node('NodeGetVolumeStats', 'NodeGetVolumeStatsRequest', 'NodeGetVolumeStatsResponse'),
  nodeExpand: node('NodeExpandVolume', 'NodeExpandVolumeRequest', 'NodeExpandVolumeResponse'),
};
