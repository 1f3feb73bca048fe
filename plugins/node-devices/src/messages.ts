/** The kubelet's `deviceplugin/v1beta1`: the field numbers of its messages, and of each only the fields that are used. */
import { grpcService, type GrpcMethod } from '@timonel/sdk/grpc';

export const apiVersion = 'v1beta1';

const proto = `
message Empty {}
message Options { bool pre_start_required = 1; bool get_preferred_allocation_available = 2; }
message RegisterRequest { string version = 1; string endpoint = 2; string resource_name = 3; Options options = 4; }
message Device { string ID = 1; string health = 2; }
message ListAndWatchResponse { repeated Device devices = 1; }
message ContainerPreferredAllocationRequest {
  repeated string available_deviceIDs = 1; repeated string must_include_deviceIDs = 2; int32 allocation_size = 3;
}
message PreferredAllocationRequest { repeated ContainerPreferredAllocationRequest container_requests = 1; }
message ContainerPreferredAllocationResponse { repeated string deviceIDs = 1; }
message PreferredAllocationResponse { repeated ContainerPreferredAllocationResponse container_responses = 1; }
message PreStartContainerRequest { repeated string devices_ids = 1; }
message ContainerAllocateRequest { repeated string devices_ids = 1; }
message AllocateRequest { repeated ContainerAllocateRequest container_requests = 1; }
message Mount { string container_path = 1; string host_path = 2; bool read_only = 3; }
message DeviceSpec { string container_path = 1; string host_path = 2; string permissions = 3; }
message CDIDevice { string name = 1; }
message ContainerAllocateResponse {
  map<string, string> envs = 1; repeated Mount mounts = 2; repeated DeviceSpec devices = 3; repeated CDIDevice cdi_devices = 5;
}
message AllocateResponse { repeated ContainerAllocateResponse container_responses = 1; }
`;

export interface PluginOptions {
  readonly preStartRequired: boolean;
  readonly getPreferredAllocationAvailable: boolean;
}

export interface RegisterRequest {
  readonly version: string;
  /** Name of the plugin's socket, in the directory of the node's. */
  readonly endpoint: string;
  readonly resourceName: string;
  readonly options: PluginOptions | null;
}

export interface ListedDevices {
  readonly devices: readonly { readonly ID: string; readonly health: string }[];
}

export interface PreferredRequest {
  readonly availableDeviceIDs: readonly string[];
  readonly mustIncludeDeviceIDs: readonly string[];
  readonly allocationSize: number;
}

export interface AllocateAnswer {
  readonly envs: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly containerPath: string; readonly hostPath: string; readonly readOnly: boolean }[];
  readonly devices: readonly {
    readonly containerPath: string;
    readonly hostPath: string;
    readonly permissions: string;
  }[];
  readonly cdiDevices: readonly { readonly name: string }[];
}

const registration = grpcService(proto, 'v1beta1.Registration');
const plugin = grpcService(proto, 'v1beta1.DevicePlugin');

interface Calls {
  readonly register: GrpcMethod<RegisterRequest, object>;
  readonly options: GrpcMethod<object, PluginOptions>;
  readonly listAndWatch: GrpcMethod<object, ListedDevices>;
  readonly preferred: GrpcMethod<
    { readonly containerRequests: readonly PreferredRequest[] },
    { readonly containerResponses: readonly { readonly deviceIDs: readonly string[] }[] }
  >;
  readonly allocate: GrpcMethod<
    { readonly containerRequests: readonly { readonly devicesIds: readonly string[] }[] },
    { readonly containerResponses: readonly AllocateAnswer[] }
  >;
  readonly preStart: GrpcMethod<{ readonly devicesIds: readonly string[] }, object>;
}

export const calls: Calls = {
  register: registration('Register', 'RegisterRequest', 'Empty'),
  options: plugin('GetDevicePluginOptions', 'Empty', 'Options'),
  listAndWatch: plugin('ListAndWatch', 'Empty', 'ListAndWatchResponse'),
  preferred: plugin('GetPreferredAllocation', 'PreferredAllocationRequest', 'PreferredAllocationResponse'),
  allocate: plugin('Allocate', 'AllocateRequest', 'AllocateResponse'),
  preStart: plugin('PreStartContainer', 'PreStartContainerRequest', 'Empty'),
};
