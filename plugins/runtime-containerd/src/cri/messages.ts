/**
 * The messages of the CRI (runtime.v1) and of containerd's own services that are spoken here: their field numbers, and of each message
 * only the fields that are sent or read. Others that containerd sends are passed over.
 */
import protobuf from 'protobufjs';

const text = `
syntax = "proto3";
message Empty {}
message Id64 { int64 value = 1; }
message U64 { uint64 value = 1; }

message VersionRequest { string version = 1; }
message VersionResponse { string version = 1; string runtime_name = 2; string runtime_version = 3; string runtime_api_version = 4; }
message StatusRequest { bool verbose = 1; }
message StatusResponse { RuntimeStatus status = 1; map<string, string> info = 2; }
message RuntimeStatus { repeated RuntimeCondition conditions = 1; }
message RuntimeCondition { string type = 1; bool status = 2; string reason = 3; string message = 4; }

message NamespaceOption { int32 network = 1; int32 pid = 2; int32 ipc = 3; string target_id = 4; }
message SecurityProfile { int32 profile_type = 1; string localhost_ref = 2; }
message HugepageLimit { string page_size = 1; uint64 limit = 2; }
message LinuxContainerResources {
  int64 cpu_period = 1; int64 cpu_quota = 2; int64 cpu_shares = 3; int64 memory_limit_in_bytes = 4; int64 oom_score_adj = 5;
  string cpuset_cpus = 6; string cpuset_mems = 7; repeated HugepageLimit hugepage_limits = 8; map<string, string> unified = 9;
  int64 memory_swap_limit_in_bytes = 10;
}

message PodSandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message LinuxSandboxSecurityContext {
  NamespaceOption namespace_options = 1; bool readonly_rootfs = 4; bool privileged = 6; SecurityProfile seccomp = 9;
}
message LinuxPodSandboxConfig {
  string cgroup_parent = 1; LinuxSandboxSecurityContext security_context = 2; map<string, string> sysctls = 3;
}
message PodSandboxConfig {
  PodSandboxMetadata metadata = 1; string hostname = 2; string log_directory = 3; map<string, string> labels = 6;
  map<string, string> annotations = 7; LinuxPodSandboxConfig linux = 8;
}
message RunPodSandboxRequest { PodSandboxConfig config = 1; string runtime_handler = 2; }
message PodSandboxId { string pod_sandbox_id = 1; bool verbose = 2; }
message PodSandboxFilter { string id = 1; map<string, string> label_selector = 3; }
message ListPodSandboxRequest { PodSandboxFilter filter = 1; }
message PodSandbox { string id = 1; int32 state = 3; int64 created_at = 4; map<string, string> annotations = 6; }
message ListPodSandboxResponse { repeated PodSandbox items = 1; }
message PodSandboxStatus { string id = 1; int32 state = 3; int64 created_at = 4; map<string, string> annotations = 8; }
message PodSandboxStatusResponse { PodSandboxStatus status = 1; map<string, string> info = 2; }

message KeyValue { string key = 1; string value = 2; }
message ContainerMetadata { string name = 1; uint32 attempt = 2; }
message ImageSpec { string image = 1; }
message Mount { string container_path = 1; string host_path = 2; bool readonly = 3; int32 propagation = 5; }
message Device { string container_path = 1; string host_path = 2; string permissions = 3; }
message Capability { repeated string add_capabilities = 1; repeated string drop_capabilities = 2; }
message LinuxContainerSecurityContext {
  Capability capabilities = 1; bool privileged = 2; NamespaceOption namespace_options = 3; Id64 run_as_user = 5;
  string run_as_username = 6; bool readonly_rootfs = 7; repeated int64 supplemental_groups = 8; bool no_new_privs = 11;
  Id64 run_as_group = 12; repeated string masked_paths = 13; repeated string readonly_paths = 14; SecurityProfile seccomp = 15;
  SecurityProfile apparmor = 16;
}
message LinuxContainerConfig { LinuxContainerResources resources = 1; LinuxContainerSecurityContext security_context = 2; }
message ContainerConfig {
  ContainerMetadata metadata = 1; ImageSpec image = 2; repeated string command = 3; string working_dir = 5; repeated KeyValue envs = 6;
  repeated Mount mounts = 7; repeated Device devices = 8; map<string, string> labels = 9; map<string, string> annotations = 10;
  string log_path = 11; bool stdin = 12; bool stdin_once = 13; bool tty = 14; LinuxContainerConfig linux = 15;
}
message CreateContainerRequest { string pod_sandbox_id = 1; ContainerConfig config = 2; PodSandboxConfig sandbox_config = 3; }
message ContainerId { string container_id = 1; bool verbose = 2; }
message StopContainerRequest { string container_id = 1; int64 timeout = 2; }
message ContainerFilter { string id = 1; string pod_sandbox_id = 3; map<string, string> label_selector = 4; }
message ListContainersRequest { ContainerFilter filter = 1; }
message Container { string id = 1; string pod_sandbox_id = 2; string image_ref = 5; int32 state = 6; map<string, string> annotations = 9; }
message ListContainersResponse { repeated Container containers = 1; }
message ContainerStatus {
  string id = 1; int32 state = 3; int64 created_at = 4; int64 started_at = 5; int64 finished_at = 6; int32 exit_code = 7;
  string reason = 10; string message = 11; map<string, string> annotations = 13; string log_path = 15;
}
message ContainerStatusResponse { ContainerStatus status = 1; map<string, string> info = 2; }
message UpdateContainerResourcesRequest { string container_id = 1; LinuxContainerResources linux = 2; }
message AttachRequest { string container_id = 1; bool stdin = 2; bool tty = 3; bool stdout = 4; bool stderr = 5; }
message AttachResponse { string url = 1; }

message StatsFilter { map<string, string> label_selector = 3; }
message ListContainerStatsRequest { StatsFilter filter = 1; }
message ContainerAttributes { string id = 1; map<string, string> annotations = 4; }
message CpuUsage { U64 usage_core_nano_seconds = 2; }
message MemoryUsage { U64 working_set_bytes = 2; U64 usage_bytes = 4; }
message ContainerStats { ContainerAttributes attributes = 1; CpuUsage cpu = 2; MemoryUsage memory = 3; }
message ListContainerStatsResponse { repeated ContainerStats stats = 1; }

message ImageRequest { ImageSpec image = 1; }
message Image { string id = 1; repeated string repo_tags = 2; }
message ImageStatusResponse { Image image = 1; }

message Any { string type_url = 1; bytes value = 2; }
message ExecProcessRequest {
  string container_id = 1; string stdin = 2; string stdout = 3; string stderr = 4; bool terminal = 5; Any spec = 6; string exec_id = 7;
}
message ProcessRequest { string container_id = 1; string exec_id = 2; }
message StartResponse { uint32 pid = 1; }
message WaitResponse { uint32 exit_status = 1; }
message KillRequest { string container_id = 1; string exec_id = 2; uint32 signal = 3; }
message CloseIORequest { string container_id = 1; string exec_id = 2; bool stdin = 3; }
message ResizePtyRequest { string container_id = 1; string exec_id = 2; uint32 width = 3; uint32 height = 4; }
message UpdateTaskRequest { string container_id = 1; Any resources = 2; }
message ProcessInfo { uint32 pid = 1; Any info = 2; }
message ListPidsResponse { repeated ProcessInfo processes = 1; }
message ProcessDetails { string exec_id = 1; }
message FieldMask { repeated string paths = 1; }
message ContainerRecord { string id = 1; Any spec = 5; }
message GetContainerRequest { string id = 1; }
message GetContainerResponse { ContainerRecord container = 1; }
message UpdateContainerRequest { ContainerRecord container = 1; FieldMask update_mask = 2; }
message SubscribeRequest { repeated string filters = 1; }
message Envelope { string namespace = 2; string topic = 3; }
`;

/** The methods that are called: `Name: [service, request, response]`, and their name there where it is another. */
const calls = {
  Version: ['runtime.v1.RuntimeService', 'VersionRequest', 'VersionResponse'],
  Status: ['runtime.v1.RuntimeService', 'StatusRequest', 'StatusResponse'],
  RunPodSandbox: ['runtime.v1.RuntimeService', 'RunPodSandboxRequest', 'PodSandboxId'],
  StopPodSandbox: ['runtime.v1.RuntimeService', 'PodSandboxId', 'Empty'],
  RemovePodSandbox: ['runtime.v1.RuntimeService', 'PodSandboxId', 'Empty'],
  PodSandboxStatus: ['runtime.v1.RuntimeService', 'PodSandboxId', 'PodSandboxStatusResponse'],
  ListPodSandbox: ['runtime.v1.RuntimeService', 'ListPodSandboxRequest', 'ListPodSandboxResponse'],
  CreateContainer: ['runtime.v1.RuntimeService', 'CreateContainerRequest', 'ContainerId'],
  StartContainer: ['runtime.v1.RuntimeService', 'ContainerId', 'Empty'],
  StopContainer: ['runtime.v1.RuntimeService', 'StopContainerRequest', 'Empty'],
  RemoveContainer: ['runtime.v1.RuntimeService', 'ContainerId', 'Empty'],
  ReopenContainerLog: ['runtime.v1.RuntimeService', 'ContainerId', 'Empty'],
  ListContainers: ['runtime.v1.RuntimeService', 'ListContainersRequest', 'ListContainersResponse'],
  ContainerStatus: ['runtime.v1.RuntimeService', 'ContainerId', 'ContainerStatusResponse'],
  UpdateContainerResources: ['runtime.v1.RuntimeService', 'UpdateContainerResourcesRequest', 'Empty'],
  Attach: ['runtime.v1.RuntimeService', 'AttachRequest', 'AttachResponse'],
  ListContainerStats: ['runtime.v1.RuntimeService', 'ListContainerStatsRequest', 'ListContainerStatsResponse'],
  ImageStatus: ['runtime.v1.ImageService', 'ImageRequest', 'ImageStatusResponse'],
  RemoveImage: ['runtime.v1.ImageService', 'ImageRequest', 'Empty'],
  Exec: ['containerd.services.tasks.v1.Tasks', 'ExecProcessRequest', 'Empty'],
  Start: ['containerd.services.tasks.v1.Tasks', 'ProcessRequest', 'StartResponse'],
  Wait: ['containerd.services.tasks.v1.Tasks', 'ProcessRequest', 'WaitResponse'],
  Kill: ['containerd.services.tasks.v1.Tasks', 'KillRequest', 'Empty'],
  CloseIO: ['containerd.services.tasks.v1.Tasks', 'CloseIORequest', 'Empty'],
  DeleteProcess: ['containerd.services.tasks.v1.Tasks', 'ProcessRequest', 'WaitResponse'],
  ResizePty: ['containerd.services.tasks.v1.Tasks', 'ResizePtyRequest', 'Empty'],
  Update: ['containerd.services.tasks.v1.Tasks', 'UpdateTaskRequest', 'Empty'],
  ListPids: ['containerd.services.tasks.v1.Tasks', 'ProcessRequest', 'ListPidsResponse'],
  GetRecord: ['containerd.services.containers.v1.Containers', 'GetContainerRequest', 'GetContainerResponse', 'Get'],
  UpdateRecord: [
    'containerd.services.containers.v1.Containers',
    'UpdateContainerRequest',
    'GetContainerResponse',
    'Update',
  ],
  Subscribe: ['containerd.services.events.v1.Events', 'SubscribeRequest', 'Envelope'],
} as const;

export type Method = keyof typeof calls;

export interface MethodCodec {
  readonly path: string;
  readonly encode: (message: object) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

/** Absent fields become their defaults: 0, '', [], {}; absent messages null. Numbers beyond 2^53 lose their last digits. */
const plain = { longs: Number, defaults: true, arrays: true, objects: true };

const root = protobuf.parse(text, { keepCase: false }).root;

export function codecOf(method: Method): MethodCodec {
  const [service, request, response, name = method] = calls[method];
  const [input, output] = [root.lookupType(request), root.lookupType(response)];
  return {
    path: `/${service}/${name}`,
    encode: (message) => Buffer.from(input.encode(input.fromObject(message)).finish()),
    decode: (bytes) => output.toObject(output.decode(bytes), plain),
  };
}

/** What an `Any` holds of a running process: the exec it belongs to. */
export function execIdOf(info: { readonly value?: Uint8Array } | null): string {
  if (info?.value === undefined || info.value.length === 0) return '';
  const type = root.lookupType('ProcessDetails');
  return (type.toObject(type.decode(info.value), plain) as { execId: string }).execId;
}
